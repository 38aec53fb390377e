"""What was read from objects, kept until they say something else."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Source = TypeVar("Source")
Value = TypeVar("Value")


class Memo:
    """Values that were read for one ModelDeployment.

    To read a spec takes ten times as long as to see that it is still the same. A plan reads everything that there is,
    and there are dozens of plans for each thing that changes.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Any, Any]] = {}
        self._read: set[Hashable] = set()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While everything is read: what is not read meanwhile is forgotten."""
        self._read.clear()
        yield
        self._known = {what: known for what, known in self._known.items() if what in self._read}

    def read(self, what: Hashable, source: Source, reader: Callable[[Source], Value]) -> Value:
        """What `reader` makes of `source`, which nobody changes afterwards.

        Args:
            what: names the value among those of the ModelDeployment.
            source: what it is read from; equal sources are read alike.
            reader: what it raises is raised each time.
        """
        known = self._known.get(what)
        value: Value = known[1] if known is not None and known[0] == source else reader(source)
        # The newest source is kept: the store holds it anyway.
        self._known[what] = (source, value)
        self._read.add(what)
        return value

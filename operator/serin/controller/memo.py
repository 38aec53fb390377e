"""What was read from objects, kept until they say something else."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Source = TypeVar("Source")
Value = TypeVar("Value")


class Memo:
    """Values that were read for one ModelDeployment.

    To read a spec takes ten times as long as to see that it is still the same. A plan reads everything that there is,
    and there are dozens of plans for each thing that changes.
    """

    def __init__(self) -> None:
        self._before: dict[Hashable, tuple[Any, Any]] = {}
        self._now: dict[Hashable, tuple[Any, Any]] = {}

    def begin(self) -> None:
        """Begin to read everything: what is not read this time is forgotten the next time."""
        self._before, self._now = self._now, {}

    def read(self, what: Hashable, source: Source, reader: Callable[[Source], Value]) -> Value:
        """What `reader` makes of `source`, which nobody changes afterwards.

        Args:
            what: names the value among those of the ModelDeployment.
            source: what it is read from; equal sources are read alike.
            reader: what it raises is raised each time.
        """
        known = self._before.get(what)
        value: Value = known[1] if known is not None and known[0] == source else reader(source)
        # The newest source is kept: the store holds it anyway.
        self._now[what] = (source, value)
        return value

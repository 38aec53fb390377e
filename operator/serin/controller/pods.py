"""The pods of autoscaled ModelDeployments: watched while there are any, and kept as small as can be."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

from serin.api.names import MODEL_LABEL, REVISION_LABEL
from serin.cluster.client import Object
from serin.cluster.pulse import Pulse
from serin.cluster.reflector import OnChange, Reflector
from serin.cluster.resources import POD, ObjectKey
from serin.scaling.pods import Pod
from serin.scaling.reading import pod_of

logger = logging.getLogger(__name__)

Group = tuple[ObjectKey, str]
"""A ModelDeployment's key, and one of its revisions."""


class PodBook:
    """Every pod that was seen, by revision."""

    def __init__(self) -> None:
        """None at first."""
        self._pods: dict[Group, dict[str, Pod]] = defaultdict(dict)
        self._groups: dict[ObjectKey, Group] = {}

    def changed(self, key: ObjectKey, manifest: Object | None) -> None:
        """A pod was made, has changed, or is gone."""
        before, after = self._groups.pop(key, None), None if manifest is None else _group(manifest)
        if before is not None and before != after:
            self._drop(before, key.name)
        if manifest is None or after is None:
            return
        try:
            pod = pod_of(manifest)
        except ValueError as error:
            logger.warning("The pod %s cannot be read, and does not count: %s", key, error)
            if before is not None:
                self._drop(before, key.name)
            return
        self._groups[key] = after
        self._pods[after][key.name] = pod

    def of(self, model: ObjectKey, revision: str) -> tuple[Pod, ...]:
        """The pods of one revision."""
        return tuple(self._pods.get((model, revision), {}).values())

    def clear(self) -> None:
        """Forget all."""
        self._pods.clear()
        self._groups.clear()

    def _drop(self, group: Group, name: str) -> None:
        pods = self._pods.get(group, {})
        pods.pop(name, None)
        if not pods:
            self._pods.pop(group, None)


def _group(manifest: Object) -> Group | None:
    metadata = manifest["metadata"]
    labels = metadata.get("labels") or {}
    model, revision = labels.get(MODEL_LABEL), labels.get(REVISION_LABEL)
    return (ObjectKey(metadata["namespace"], model), revision) if model and revision else None


class PodWatch:
    """Watches pods as long as somebody needs them: a cluster without autoscaling pays nothing for it.

    Attributes:
        book: the pods that were seen.
        pulses: that of the watch, while there is one.
    """

    def __init__(self, reflector: Callable[[OnChange], Reflector]) -> None:
        """Prepare; `run` does the work.

        Args:
            reflector: makes a reflector of pods that tells its changes to who is given.
        """
        self.book = PodBook()
        self.pulses: dict[str, Pulse] = {}
        self._reflector = reflector
        self._needed = asyncio.Event()
        self._unneeded = asyncio.Event()
        self._synced = asyncio.Event()

    def need(self, *, needed: bool) -> None:
        """Say whether pods are needed from now on."""
        (self._needed if needed else self._unneeded).set()
        (self._unneeded if needed else self._needed).clear()

    async def synced(self) -> None:
        """Return once all pods that there are have been seen."""
        await self._synced.wait()

    async def run(self) -> None:
        """Watch whenever they are needed, until cancelled."""
        while True:
            await self._needed.wait()
            reflector = self._reflector(self.book.changed)
            self.pulses[POD.plural] = reflector.pulse
            watch = asyncio.create_task(reflector.run())
            others = [asyncio.create_task(self._tell_of(reflector)), asyncio.create_task(self._unneeded.wait())]
            try:
                await asyncio.wait({watch, others[1]}, return_when=asyncio.FIRST_COMPLETED)
                if watch.done():
                    watch.result()  # it ends by an error alone
            finally:
                for task in (watch, *others):
                    task.cancel()
                await asyncio.gather(watch, *others, return_exceptions=True)
                self.pulses.clear()
                self._synced.clear()
                self.book.clear()

    async def _tell_of(self, reflector: Reflector) -> None:
        await reflector.synced.wait()
        self._synced.set()

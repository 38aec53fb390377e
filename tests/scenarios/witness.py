"""Somebody who looks all the time, and goes on looking when the API server is away."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from types import TracebackType
from typing import Self

from localcluster import LocalCluster, LocalClusterError
from scenarios.api import PATHS, Object
from scenarios.stage import NAME

EVERY_SECONDS = 0.2


@dataclass
class Witness:
    """Use it as a context manager. It looks at a ModelDeployment and its route five times a second.

    splits: the weights in the route, by the backend's name, each change once; written: when each was, to the second.
    statuses: each that was seen, in order.
    """

    cluster: LocalCluster
    namespace: str
    splits: list[dict[str, int]] = field(default_factory=list)
    written: list[datetime] = field(default_factory=list)
    statuses: list[Object] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name=f"witness {self.namespace}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=40)

    def weights(self, backend: str) -> list[int]:
        """The weights of a backend in the route, in order, each once."""
        weights = [split[backend] for split in self.splits if backend in split]
        return [weight for number, weight in enumerate(weights) if number == 0 or weights[number - 1] != weight]

    def step_seconds(self, backend: str) -> list[float]:
        """How long each weight of a backend stayed, give or take a second; the last is left out."""
        changes = [
            at
            for number, (split, at) in enumerate(zip(self.splits, self.written, strict=True))
            if split.get(backend) and (number == 0 or self.splits[number - 1].get(backend) != split[backend])
        ]
        return [(later - earlier).total_seconds() for earlier, later in pairwise(changes)]

    def told_step_seconds(self) -> list[float]:
        """How long the steps took whose beginning and whose successor's beginning were told in the status."""
        began = {
            step["index"]: datetime.fromisoformat(step["since"])
            for step in (status["step"] for status in self.statuses if status.get("step", {}).get("since"))
        }
        return [(began[index + 1] - began[index]).total_seconds() for index in began if index + 1 in began]

    def _run(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._stop.wait(EVERY_SECONDS)  # and looks a last time then
            # The API server is away, or has not found etcd again.
            with suppress(LocalClusterError):
                self._look()

    def _look(self) -> None:
        status, route = self._get("ModelDeployment").get("status"), self._get("HTTPRoute")
        if status and (not self.statuses or self.statuses[-1] != status):
            self.statuses.append(status)
        split = {ref["name"]: ref.get("weight", 1) for rule in route["spec"]["rules"] for ref in rule["backendRefs"]}
        if not self.splits or self.splits[-1] != split:
            entries = route["metadata"]["managedFields"]
            self.written.append(
                max(datetime.fromisoformat(entry["time"]) for entry in entries if entry["manager"] == "serin")
            )
            self.splits.append(split)

    def _get(self, kind: str) -> Object:
        return self.cluster.api.get(f"/{PATHS[kind].format(self.namespace)}/{NAME}")

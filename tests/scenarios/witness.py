"""Somebody who looks all the time, and goes on looking when the API server is away."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from localcluster import LocalCluster, LocalClusterError
from scenarios.api import PATHS, Object
from scenarios.stage import NAME

EVERY_SECONDS = 0.2


@dataclass
class Witness:
    """Use it as a context manager. It looks at a ModelDeployment and its route five times a second.

    splits: the weights in the route, by the backend's name, each change once. statuses: each that was seen, in order.
    """

    cluster: LocalCluster
    namespace: str
    splits: list[dict[str, int]] = field(default_factory=list)
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

    def steps(self) -> list[Object]:
        """The steps that were seen, in order, each as it was seen last."""
        steps: list[Object] = []
        for step in [status["step"] for status in self.statuses if status.get("step", {}).get("since")]:
            if steps and steps[-1]["index"] == step["index"]:
                steps.pop()
            steps.append(step)
        return steps

    def _run(self) -> None:
        while not self._stop.is_set():
            # The API server is away, or has not found etcd again.
            with suppress(LocalClusterError):
                self._look()
            time.sleep(EVERY_SECONDS)

    def _look(self) -> None:
        status, route = self._get("ModelDeployment").get("status"), self._get("HTTPRoute")
        if status and (not self.statuses or self.statuses[-1] != status):
            self.statuses.append(status)
        split = {ref["name"]: ref.get("weight", 1) for rule in route["spec"]["rules"] for ref in rule["backendRefs"]}
        if not self.splits or self.splits[-1] != split:
            self.splits.append(split)

    def _get(self, kind: str) -> Object:
        return self.cluster.api.get(f"/{PATHS[kind].format(self.namespace)}/{NAME}")

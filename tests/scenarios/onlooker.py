"""Watches one model's namespace from outside, and keeps all that it saw, and when."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiohttp

from scenarios.api import PATHS, Object, administrator
from scenarios.background import Background
from scenarios.stage import NAME

CHILDREN = ("Deployment", "Service", "ControllerRevision", "HTTPRoute")
KINDS = ("ModelDeployment", *CHILDREN, "Pod")

Split = dict[str, int]
"""The weights of a route by the models' versions; a backend without requests counts with 0."""


@dataclass(frozen=True)
class Sighting:
    """One event of a watch, and when it came, in seconds of `time.monotonic`."""

    at: float
    kind: str
    type: str
    object: Object

    @property
    def name(self) -> str:
        """Of what."""
        found: str = self.object["metadata"]["name"]
        return found


@dataclass(frozen=True)
class Position:
    """What a status says about where a rollout stands."""

    phase: str
    candidate: str
    weight: int
    step: int


class Onlooker:
    """Use it as a context manager: it watches from the namespace's beginning, without a gap, until it is left."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._kubeconfig, self._namespace = kubeconfig, namespace
        self._sightings: list[Sighting] = []
        self._news = threading.Condition()
        self._broken = ""
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        with self._ends:
            self._tls, self._url = administrator(self._kubeconfig)
            background = self._ends.enter_context(Background(f"onlooker in {self._namespace}"))
            background.run(self._open())
            self._ends.callback(lambda: background.run(self._close()))
            self._ends = self._ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def until(self, what: str, look: Callable[[], bool], within: float = 60.0) -> None:
        """Wait until a look at what was seen finds something so; it is looked at after each event.

        Raises:
            AssertionError: it did not come true in time, or a watch broke.
        """
        with self._news:
            found = self._news.wait_for(lambda: bool(self._broken) or look(), within)
        assert not self._broken, f"not all was seen: {self._broken}"
        assert found, f"{what}: not within {within:g} s; status: {json.dumps(self.status)}"

    def seen(self, *kinds: str) -> list[Sighting]:
        """What was seen of these kinds, in order."""
        with self._news:
            return [sighting for sighting in self._sightings if sighting.kind in kinds]

    @property
    def status(self) -> Object:
        """The newest status of the ModelDeployment."""
        seen = self.seen("ModelDeployment")
        status: Object = (seen[-1].object.get("status") or {}) if seen else {}
        return status

    @property
    def positions(self) -> list[Position]:
        """Where the rollout stood, in order, each once."""
        positions: list[Position] = []
        for sighting in self.seen("ModelDeployment"):
            status = sighting.object.get("status") or {}
            if "phase" not in status:
                continue
            step = (status.get("step") or {}).get("index", 0)
            position = Position(status["phase"], status.get("candidateVersion", ""), status.get("weight") or 0, step)
            if positions[-1:] != [position]:
                positions.append(position)
        return positions

    @property
    def splits(self) -> list[tuple[float, Split]]:
        """The splits of the route and when each began, in order."""
        versions, splits = self.versions, list[tuple[float, Split]]()
        for sighting in self.seen("HTTPRoute"):
            refs = [ref for rule in sighting.object["spec"]["rules"] for ref in rule["backendRefs"]]
            split = {versions.get(ref["name"].removeprefix(f"{NAME}-"), "?"): ref.get("weight", 1) for ref in refs}
            if not splits or splits[-1][1] != split:
                splits.append((sighting.at, split))
        return splits

    @property
    def versions(self) -> dict[str, str]:
        """The version of each revision that there ever was."""
        return {
            entry["revision"]: entry["version"]
            for sighting in self.seen("ModelDeployment")
            for entry in (sighting.object.get("status") or {}).get("revisions", ())
        }

    @property
    def made(self) -> list[tuple[str, str]]:
        """Every child that was made, once for each time that it was."""
        added = [sighting for sighting in self.seen(*CHILDREN) if sighting.type == "ADDED"]
        return sorted((sighting.kind, sighting.name) for sighting in added)

    def pods(self, version: str) -> dict[str, int]:
        """Every pod that was ever made of a version: name to restarts."""
        versions, pods = self.versions, dict[str, int]()
        for sighting in self.seen("Pod"):
            if versions.get(sighting.object["metadata"]["labels"].get("serin.dev/revision", "")) == version:
                statuses = sighting.object["status"].get("containerStatuses", ())
                pods[sighting.name] = sum(status["restartCount"] for status in statuses)
        return pods

    @property
    def running(self) -> dict[str, int]:
        """How many replicas are asked for, by version; none at all is left out."""
        versions = self.versions
        newest = {sighting.name: sighting for sighting in self.seen("Deployment")}
        return {
            versions.get(name.removeprefix(f"{NAME}-"), "?"): sighting.object["spec"]["replicas"]
            for name, sighting in newest.items()
            if sighting.type != "DELETED" and sighting.object["spec"]["replicas"]
        }

    def weights(self, version: str) -> list[tuple[float, int]]:
        """The weights of a version and when each began, from its first place in the route on."""
        weights: list[tuple[float, int]] = []
        for at, split in self.splits:
            if version in split and (not weights or weights[-1][1] != split[version]):
                weights.append((at, split[version]))
        return weights

    def stays(self, version: str) -> Iterator[tuple[int, float]]:
        """Each weight below 100 with which a version got requests, and how many seconds the route had it."""
        for (began, weight), (ended, _) in itertools.pairwise(self.weights(version)):
            if 0 < weight < 100:
                yield weight, ended - began

    async def _open(self) -> None:
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls), timeout=aiohttp.ClientTimeout(total=None)
        )
        self._responses = [await self._client.get(self._path(kind), params={"watch": "true"}) for kind in KINDS]
        self._watches = [
            asyncio.create_task(self._follow(kind, response))
            for kind, response in zip(KINDS, self._responses, strict=True)
        ]

    async def _close(self) -> None:
        for response, watch in zip(self._responses, self._watches, strict=True):
            # At once: a TLS connection that is closed waits for the API server's farewell.
            if response.connection is not None and response.connection.transport is not None:
                response.connection.transport.abort()
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        await self._client.close()

    async def _follow(self, kind: str, response: aiohttp.ClientResponse) -> None:
        end = "it ended"
        try:
            async with response:
                while line := await response.content.readline():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        end = str(event["object"])
                        break
                    sighting = Sighting(time.monotonic(), kind, event["type"], event["object"])
                    with self._news:
                        self._sightings.append(sighting)
                        self._news.notify_all()
        except (aiohttp.ClientError, ValueError) as error:
            end = str(error)
        with self._news:
            self._broken = f"the watch of {kind}: {end}"
            self._news.notify_all()

    def _path(self, kind: str) -> str:
        return f"{self._url}/{PATHS[kind].format(self._namespace)}"

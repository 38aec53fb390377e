"""Pods as a controller that watches them saw them, at any moment that has passed."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import requests

from scenarios.api import Object
from serin.scaling.pods import Pod
from serin.scaling.reading import pod_of

Pods = tuple[Pod, ...]


class PodDiary:
    """Notes every change of the pods of a namespace from when it is entered until it is left."""

    def __init__(self, session: requests.Session, url: str, namespace: str) -> None:
        self._session, self._url = session, f"{url}/api/v1/namespaces/{namespace}/pods"
        self._pages: list[tuple[datetime, Pods]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"pods of {namespace}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._pages and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def at(self, moment: datetime, doubt: timedelta) -> Iterator[Pods]:
        """The pods at a moment, and then all that they were within the doubt before and after it."""
        now = max((number for number, (at, _) in enumerate(self._pages) if at <= moment), default=0)
        yield self._pages[now][1]
        for number, (at, pods) in enumerate(self._pages):
            ends = self._pages[number + 1][0] if number + 1 < len(self._pages) else datetime.max.replace(tzinfo=UTC)
            if number != now and at <= moment + doubt and ends >= moment - doubt:
                yield pods

    def _watch(self) -> None:
        listed = self._session.get(self._url, timeout=10).json()
        pods: dict[str, Object] = {it["metadata"]["name"]: it for it in listed["items"]}
        self._note(pods)
        version = listed["metadata"]["resourceVersion"]
        while not self._stop.is_set():
            parameters = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "5"}
            with self._session.get(self._url, params=parameters, stream=True, timeout=30) as response:
                for line in response.iter_lines():
                    event = json.loads(line)
                    assert event["type"] != "ERROR", event
                    version = event["object"]["metadata"]["resourceVersion"]
                    name = event["object"]["metadata"]["name"]
                    pods = {other: pod for other, pod in pods.items() if other != name}
                    if event["type"] != "DELETED":
                        pods[name] = event["object"]
                    self._note(pods)

    def _note(self, pods: dict[str, Object]) -> None:
        self._pages.append((datetime.now(UTC), tuple(map(pod_of, pods.values()))))

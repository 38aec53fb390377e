"""Objects as a controller that watches them saw them, at any moment that has passed."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import requests

from scenarios.api import PATHS, Object

Objects = dict[str, Object]
"""By name."""


@dataclass(frozen=True)
class Page:
    """All objects from a moment on until the next page."""

    at: datetime
    objects: Objects


class Diary:
    """Notes every change of the objects of one kind in a namespace from when it is entered until it is left."""

    def __init__(self, connection: tuple[requests.Session, str], kind: str, namespace: str) -> None:
        """`connection`: a session, which the diary only borrows credentials from, and the server's URL."""
        session, url = connection
        self._session = requests.Session()
        self._session.trust_env, self._session.verify, self._session.cert = False, session.verify, session.cert
        self._url = f"{url}/{PATHS[kind].format(namespace)}"
        self.pages: list[Page] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"{kind}s of {namespace}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self.pages and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        self._session.close()

    def at(self, moment: datetime, doubt: timedelta = timedelta(0)) -> Iterator[Objects]:
        """The objects at a moment, and then all that they were within the doubt before and after it."""
        now = max((number for number, page in enumerate(self.pages) if page.at <= moment), default=0)
        yield self.pages[now].objects
        ends = [page.at for page in self.pages[1:]] + [datetime.max.replace(tzinfo=UTC)]
        for number, (page, end) in enumerate(zip(self.pages, ends, strict=True)):
            if number != now and page.at <= moment + doubt and end >= moment - doubt:
                yield page.objects

    def _watch(self) -> None:
        listed = self._session.get(self._url, timeout=10).json()
        objects: Objects = {it["metadata"]["name"]: it for it in listed["items"]}
        self._note(objects)
        version = listed["metadata"]["resourceVersion"]
        while not self._stop.is_set():
            parameters = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "5"}
            with self._session.get(self._url, params=parameters, stream=True, timeout=30) as response:
                for line in response.iter_lines():
                    event = json.loads(line)
                    assert event["type"] != "ERROR", event
                    changed = event["object"]
                    version = changed["metadata"]["resourceVersion"]
                    objects = {name: it for name, it in objects.items() if name != changed["metadata"]["name"]}
                    if event["type"] != "DELETED":
                        objects[changed["metadata"]["name"]] = changed
                    self._note(objects)

    def _note(self, objects: Objects) -> None:
        self.pages.append(Page(datetime.now(UTC), objects))

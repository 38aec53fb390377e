"""Real requests through the proxy, bounded in rate, number and time, every one of them counted."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp

MOST_REQUESTS = 60_000
LONGEST_SECONDS = 240.0
FIRST_ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """One request: when it was answered, by which version, and how. `error` is set if no model server answered.

    took: seconds from its being sent to its answer.
    """

    at: float
    status: int
    version: str
    revision: str
    body: str
    error: str = ""
    took: float = 0.0


@dataclass
class Load:
    """Sends requests from a thread of its own until it is left; it is entered when the first of them was answered.

    rate: requests a second; it may be changed meanwhile. host: the host name that the route listens to.
    longest: after so many seconds it ends by itself. headers: what each request bears beside.
    """

    url: str
    host: str
    rate: float = 50.0
    longest: float = LONGEST_SECONDS
    headers: Mapping[str, str] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _answered: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name=f"load {self.host}", daemon=True)
        self._thread.start()
        if not self._answered.wait(FIRST_ANSWER_SECONDS):
            self._stop.set()
            raise AssertionError(f"no answer from {self.host} within {FIRST_ANSWER_SECONDS:.0f} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    @property
    def lost(self) -> list[Answer]:
        """Requests that no model server answered: these are Serin's doing, or the cluster's."""
        return [answer for answer in list(self.answers) if answer.error]

    @property
    def by_version(self) -> Counter[str]:
        """Answers by version."""
        return Counter(answer.version for answer in list(self.answers) if not answer.error)

    def since(self, moment: float) -> list[Answer]:
        """Answers after a moment (`time.monotonic`)."""
        return [answer for answer in list(self.answers) if answer.at >= moment]

    async def _run(self) -> None:
        began = time.monotonic()
        pending: set[asyncio.Task[None]] = set()
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=64)) as session:
            due = began
            for _ in range(MOST_REQUESTS):
                while not self._stop.is_set() and (wait := due - time.monotonic()) > 0:  # noqa: ASYNC110 - it paces
                    await asyncio.sleep(min(wait, 0.1))
                if self._stop.is_set() or time.monotonic() - began > self.longest:
                    break
                due += 1 / self.rate
                task = asyncio.create_task(self._send(session))
                pending.add(task)
                task.add_done_callback(pending.discard)
            if pending:
                await asyncio.wait(pending)

    async def _send(self, session: aiohttp.ClientSession) -> None:
        sent = time.monotonic()
        try:
            async with session.get(f"{self.url}/predict", headers={"Host": self.host, **self.headers}) as response:
                body = await response.text()
                version = response.headers.get("X-Serin-Version", "")
                revision = response.headers.get("X-Serin-Revision", "")
                error = "" if version else f"{response.status} {body[:100]}"
                now = time.monotonic()
                answer = Answer(now, response.status, version, revision, body.strip(), error, now - sent)
        except (aiohttp.ClientError, TimeoutError) as failure:
            now = time.monotonic()
            answer = Answer(now, 0, "", "", "", f"{type(failure).__name__} {failure}", now - sent)
        self.answers.append(answer)
        self._answered.set()

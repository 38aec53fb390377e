"""Faults that tests put into the fake API server's way.

A fault is asked before a call has its effect and after it. A new idea is a new class here: nothing else changes.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from fakes.apiserver.calls import Call, Matcher
from fakes.apiserver.refusals import Refusal

Events = AsyncGenerator[dict[str, Any], None]


class Dropped(Exception):  # noqa: N818 - it is what happens to the call
    """Cut the connection without an answer."""


class Fault:
    """Something that goes wrong with a call."""

    async def before(self, call: Call) -> None:
        """Before the effect: wait, refuse (`Refusal`), or cut the connection (`Dropped`)."""

    async def after(self, call: Call) -> None:
        """After the effect, before the answer."""

    def told(self, events: Events) -> Events:
        """What a watch tells instead of these events."""
        return events


@dataclass
class Refuse(Fault):
    """Answer with a status instead of an effect."""

    code: int
    reason: str = "InternalError"
    message: str = "injected by a test"
    retry_after: int | None = None

    async def before(self, call: Call) -> None:
        """Refuse."""
        raise Refusal(self.code, self.reason, self.message, retry_after=self.retry_after)


@dataclass
class Delay(Fault):
    """Answer late."""

    seconds: float

    async def before(self, call: Call) -> None:
        """Wait."""
        await asyncio.sleep(self.seconds)


@dataclass
class Hold(Fault):
    """Wait until the test releases it: a client that gives up earlier cannot know whether there was an effect.

    Before the effect, a release lets the request have it late. `reached` tells that a call has come.
    """

    after_effect: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def before(self, call: Call) -> None:
        """Wait for the test, unless the effect is to happen."""
        if not self.after_effect:
            await self._wait(call)

    async def after(self, call: Call) -> None:
        """Wait for the test, after the effect."""
        if self.after_effect:
            await self._wait(call)

    async def _wait(self, call: Call) -> None:
        call.held = True
        self.reached.set()
        await self.released.wait()


@dataclass
class Drop(Fault):
    """Cut the connection: before the effect, or after it, so that the client cannot know that there was one."""

    after_effect: bool = False

    async def before(self, call: Call) -> None:
        """Cut, unless the effect is to happen."""
        if not self.after_effect:
            raise Dropped

    async def after(self, call: Call) -> None:
        """Cut, after the effect."""
        raise Dropped


@dataclass
class Stale(Fault):
    """Read from a replica of the API server that lags: the state of so many changes ago; a watch goes on from there."""

    behind: int

    async def before(self, call: Call) -> None:
        """Look back."""
        call.behind = self.behind


@dataclass
class Silence(Fault):
    """A watch that stays open and says nothing, bookmarks included: half open, its TCP connection alive.

    Armed with `silent` False it tells as it should until the test makes it True. It never speaks again.
    """

    silent: bool = True

    async def told(self, events: Events) -> Events:
        """Nothing, once it is silent."""
        fallen_silent = False
        async for event in events:
            fallen_silent = fallen_silent or self.silent
            if not fallen_silent:
                yield event


class Lag(Fault):
    """A watch that tells nothing until the test releases it, and then everything: other kinds overtake it."""

    def __init__(self) -> None:
        """Lag from now on."""
        self.released = asyncio.Event()

    async def told(self, events: Events) -> Events:
        """Everything, later."""
        async for event in events:
            await self.released.wait()
            yield event


class Repeat(Fault):
    """A watch that tells everything twice."""

    async def told(self, events: Events) -> Events:
        """Twice."""
        async for event in events:
            yield event
            yield event


@dataclass
class ErrorEvent(Fault):
    """A watch that begins well and then says in an event why it ends, such as 410 when etcd compacted its place."""

    code: int = 410
    reason: str = "Expired"

    async def told(self, events: Events) -> Events:
        """The error alone."""
        yield {"type": "ERROR", "object": Refusal(self.code, self.reason, "injected by a test").status()}


@dataclass
class _Armed:
    fault: Fault
    matcher: Matcher
    times: int | None


class Faults:
    """The faults that are armed."""

    def __init__(self) -> None:
        """None at first."""
        self._armed: list[_Armed] = []

    def add(self, fault: Fault, matcher: Matcher, *, times: int | None = 1) -> Fault:
        """Arm a fault for the next calls that match; None: for all of them, until `clear`."""
        self._armed.append(_Armed(fault, matcher, times))
        return fault

    def remove(self, fault: Fault) -> None:
        """Disarm one."""
        self._armed = [armed for armed in self._armed if armed.fault is not fault]

    def clear(self) -> None:
        """Let everything go well again."""
        self._armed.clear()

    def of(self, call: Call) -> list[Fault]:
        """The faults that this call meets; they are used up by it."""
        met = [armed for armed in self._armed if armed.matcher(call)]
        for armed in met:
            if armed.times is not None:
                armed.times -= 1
        self._armed = [armed for armed in self._armed if armed.times is None or armed.times > 0]
        return [armed.fault for armed in met]

"""Faults that tests put into the fake API server's way.

A fault is asked before a call has its effect and after it. A new idea is a new class here: nothing else changes.
"""

import asyncio
from dataclasses import dataclass

from fakes.apiserver.calls import Call, Matcher
from fakes.apiserver.refusals import Refusal


class Dropped(Exception):  # noqa: N818 - it is what happens to the call
    """Cut the connection without an answer."""


class Fault:
    """Something that goes wrong with a call."""

    async def before(self, call: Call) -> None:
        """Before the effect: wait, refuse (`Refusal`), or cut the connection (`Dropped`)."""

    async def after(self, call: Call) -> None:
        """After the effect, before the answer."""

    def silences(self, call: Call) -> bool:
        """Whether a watch says nothing, bookmarks included, though its connection stays open."""
        del call
        return False


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


class Hold(Fault):
    """Wait until the test releases it; `reached` tells that a call has come."""

    def __init__(self) -> None:
        """Hold from now on."""
        self.reached = asyncio.Event()
        self.released = asyncio.Event()

    async def before(self, call: Call) -> None:
        """Wait for the test."""
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


class Silence(Fault):
    """A watch that stays open and never says anything."""

    def silences(self, call: Call) -> bool:
        """Say nothing."""
        return call.watch


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

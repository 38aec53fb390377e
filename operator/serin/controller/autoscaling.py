"""Says every 15 seconds how many pods each autoscaled version needs: one pass for all of them.

It decides nothing: what it says is advice for the next plan. Between two passes it remembers what the algorithm needs;
what a restart must not forget is in the status, from where it is taken up again.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus
from serin.cluster.resources import ObjectKey
from serin.controller.clock import TimeSource
from serin.controller.pods import PodWatch
from serin.controller.questions import Wanted
from serin.controller.sampling import Found
from serin.controller.scaled import Scaled, Version
from serin.metrics.grid import next_tick
from serin.rollout.world import Advice
from serin.scaling.samples import Unavailable

logger = logging.getLogger(__name__)

SYNC_PERIOD = timedelta(seconds=15)
"""As of kube-controller-manager."""
AT_ONCE = 50
"""Recommendations, after which others have a turn."""


class Samples(Protocol):
    """Who knows what the metrics are; `serin.controller.sampling` has it."""

    async def sample(self, wanted: Sequence[Wanted], at: datetime) -> list[Found]:
        """What is known of each revision."""


@dataclass
class AutoscalingDesk:
    """Every ModelDeployment that is autoscaled.

    on_advice: told of each whose advice is news: a plan would do something else, or tell something else.
    """

    samples: Samples
    pods: PodWatch
    on_advice: Callable[[ObjectKey], None]
    time: TimeSource
    scaled: dict[ObjectKey, Scaled] = field(default_factory=dict)
    is_passing: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def advice(self, key: ObjectKey) -> Mapping[str, Advice]:
        """What is said of each revision of a ModelDeployment."""
        scaled = self.scaled.get(key)
        versions = scaled.versions.values() if scaled else ()
        return {version.revision: version.advice for version in versions if version.advice is not None}

    def follow(self, key: ObjectKey, uid: str, spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> None:
        """Begin, go on or end, as the status says now."""
        if spec.autoscaling is None or status.stable is None:
            self.forget(key)
            return
        scaled = self.scaled.get(key)
        if scaled is None or scaled.uid != uid:
            scaled = self.scaled[key] = Scaled(key, uid)
            self._changed.set()
        scaled.follow(spec, spec.autoscaling, status, self.time.now())

    def forget(self, key: ObjectKey) -> None:
        """The ModelDeployment is gone, is not autoscaled, or is another's to care for."""
        if self.scaled.pop(key, None) is not None and not self.scaled:
            self._changed.set()

    async def run(self) -> None:
        """Pass at every tick of the grid at which there is anything to say, until cancelled."""
        while True:
            self._changed.clear()
            self.pods.need(needed=bool(self.scaled))
            if not self.scaled:
                await self._changed.wait()
                continue
            due = next_tick(self.time.now(), SYNC_PERIOD, 0)
            while self.scaled and self.time.now() < due:
                await self._sleep(due)
            if self.scaled:
                await self.pods.synced()
                await self._pass()

    async def _sleep(self, until: datetime) -> None:
        """Until then, or until nothing is left to do."""
        waits: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._changed.wait()),
            asyncio.create_task(self.time.sleep_until(until)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._changed.clear()
            for wait in waits:
                wait.cancel()

    async def _pass(self) -> None:
        """One round for all. Whatever goes wrong for one hurts no other."""
        now = self.time.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self.is_passing = True
        try:
            asked = [(scaled, version) for scaled in self.scaled.values() for version in scaled.versions.values()]
            wanted = [scaled.wanted(version, self.pods.book) for scaled, version in asked]
            found = await self._sample(wanted, now)
            for number, (scaled, version, one, known) in enumerate(_zipped(asked, wanted, found)):
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
                # While it was asked, others worked: a rollout may have ended, or leadership.
                if self.scaled.get(scaled.key) is scaled and scaled.versions.get(version.revision) is version:
                    self._advise(scaled, version, one, known, now)
        finally:
            self.is_passing = False

    async def _sample(self, wanted: Sequence[Wanted], now: datetime) -> list[Found]:
        try:
            return await self.samples.sample(wanted, now)
        except Exception as error:
            logger.exception("The metrics of %d revisions could not be read", len(wanted))
            problem = Unavailable(f"{type(error).__name__}: {error}")
            return [Found((problem,) * len(one.metrics)) for one in wanted]

    def _advise(self, scaled: Scaled, version: Version, wanted: Wanted, found: Found, now: datetime) -> None:
        try:
            is_news = version.take(wanted.pods, found, now)
        except Exception:
            logger.exception("No replicas could be recommended for %s of %s", version.revision, scaled.key)
            return
        if is_news:
            self.on_advice(scaled.key)


def _zipped(
    asked: Sequence[tuple[Scaled, Version]], wanted: Sequence[Wanted], found: Sequence[Found]
) -> Iterator[tuple[Scaled, Version, Wanted, Found]]:
    for (scaled, version), one, known in zip(asked, wanted, found, strict=True):
        yield scaled, version, one, known

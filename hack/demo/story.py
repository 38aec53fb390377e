"""Tells the story: applies one version after the other, under real requests, and sees what Serin does."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from demo.chapters import CHAPTERS, PROVIDERS, SLOW_AFTER_SECONDS, Chapter, Rush
from demo.installation import apply_version
from demo.ledger import Ledger
from demo.load import Load, LoadGenerator, Samples
from demo.observer import Observation
from demo.platforms import Platform, StoryError
from demo.report import ChapterResult, Report
from demo.scene import Moment, Scene
from demo.stage import Stage
from serin.api.status import HistoryEntry, ModelDeploymentStatus, Verdict

MODEL_HOST, OUTCOME_HOST = "digits.example", "outcomes.example"
PAINT_SECONDS = 0.5
MOMENT_SECONDS = 2.5
BETWEEN_CHAPTERS_SECONDS = 3.0
OUTAGE_AT_STEP = 2
RUSH_AT_STEP = 1
PODS_FOLLOW_SECONDS = 60.0
SEEN_HOLDING_SECONDS = 5.0

Condition = Callable[[ModelDeploymentStatus], bool]


class Story:
    """One telling."""

    def __init__(
        self,
        platform: Platform,
        samples: Samples,
        stage: Stage,
        observation: Observation,
        *,
        provider: str = PROVIDERS[0],
    ) -> None:
        """Prepare; nothing happens before `tell`."""
        self._platform = platform
        self._provider = provider
        self._stage = stage
        self._ledger = Ledger(slow_after=SLOW_AFTER_SECONDS)
        load = Load(platform.model_url, MODEL_HOST, platform.gateway_url, OUTCOME_HOST)
        self._load = LoadGenerator(load, samples, self._ledger)
        self._observation = observation
        self._results: list[ChapterResult] = []
        self._current = 0
        self._note = ""
        self._timeline: list[Moment] = []
        self._began = time.monotonic()

    async def tell(self) -> Report:
        """Tell every chapter. Raises a group with a StoryError where one does not end as it should."""
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(work) for work in (self._observation.run(), self._paint())]
            for number, chapter in enumerate(CHAPTERS):
                self._current, self._note = number, ""
                await self._told(chapter)
                if number == 0:  # before, there is nobody to answer
                    await self._load.until_carried()
                    requests = tasks.create_task(self._load.run())
                await asyncio.sleep(BETWEEN_CHAPTERS_SECONDS)
            self._load.stop()
            await requests
            for task in background:
                task.cancel()
        return self.report()

    def report(self, kubeconfig: Path | None = None) -> Report:
        """Return the results so far."""
        account = self._ledger.account(time.monotonic())
        results = tuple(self._judged(result) for result in self._results)
        return Report(results, account, self._load.labels_refused, kubeconfig)

    async def _told(self, chapter: Chapter) -> None:
        """Tell a chapter and keep its result, also where it goes wrong."""
        started = time.monotonic()
        try:
            self._results.append(await self._chapter(chapter))
        except StoryError:
            seconds = time.monotonic() - started
            outcome = str(self._observation.status.phase)
            self._results.append(ChapterResult(chapter, seconds, outcome, as_expected=False))
            raise

    async def _chapter(self, chapter: Chapter) -> ChapterResult:
        """Apply the chapter's version and follow it to its end."""
        started = time.monotonic()
        await asyncio.to_thread(apply_version, self._platform, chapter, self._provider)
        try:
            async with asyncio.timeout(chapter.deadline):
                if chapter.prometheus_goes_away:
                    await self._outage(chapter)
                if chapter.rush is not None:
                    await self._rush(chapter, chapter.rush)
                status = await self._observation.until(lambda status: ending(status, chapter) is not None)
        except TimeoutError:
            raise StoryError(self._too_late(chapter)) from None
        entry = ending(status, chapter)
        if entry is None or entry.outcome != chapter.expected:
            found = entry.outcome if entry else "nothing"
            why = entry.message if entry else ""
            raise StoryError(f"{chapter.title}: expected {chapter.expected}, found {found}. {why}")
        assert_reason(status, chapter)
        return ChapterResult(
            chapter=chapter,
            seconds=time.monotonic() - started,
            outcome=entry.outcome,
            as_expected=True,
            rejected_at=on_our_clock(status.rejected.at) if status.rejected is not None else None,
        )

    async def _rush(self, chapter: Chapter, rush: Rush) -> None:
        """Let more users come in the middle of the rollout; see that the pods follow them, to its end."""
        await self._observation.until(at_step(chapter, RUSH_AT_STEP))
        usual, self._load.rate = self._load.rate, rush.rate
        self._note = f"{rush.rate:.0f} requests a second instead of {usual:.0f}: pods follow, of either version."
        try:
            status = await self._observation.until(lambda status: ending(status, chapter) is not None)
            entry = ending(status, chapter)
            if entry is not None and entry.outcome == chapter.expected:
                async with asyncio.timeout(PODS_FOLLOW_SECONDS):
                    await self._observation.until(lambda status: stable_pods(status) >= rush.pods)
        except TimeoutError:
            found = stable_pods(self._observation.status)
            raise StoryError(
                f"{chapter.title}: expected {rush.pods} pods for {rush.rate:.0f} requests/s, found {found}"
            ) from None
        finally:
            self._load.rate = usual

    async def _outage(self, chapter: Chapter) -> None:
        """Stop Prometheus in the middle of the rollout, see that it holds, start Prometheus again."""
        await self._observation.until(at_step(chapter, OUTAGE_AT_STEP))
        self._note = "Prometheus is stopped: nobody knows how v6 does. Serin must hold."
        await asyncio.to_thread(self._platform.stop_prometheus)
        try:
            held = await self._observation.until(holds)
            await asyncio.sleep(SEEN_HOLDING_SECONDS)
            now = self._observation.status
            if now.step is None or held.step is None or now.step.index != held.step.index:
                raise StoryError(f"{chapter.title}: the rollout went on while Prometheus was stopped: {now.message}")
        finally:
            await asyncio.to_thread(self._platform.start_prometheus)
        self._note = "Prometheus is back: the rollout goes on where it was held."

    def _judged(self, result: ChapterResult) -> ChapterResult:
        """Add how long users bore a bad version; only at the end are all labels there."""
        account = self._ledger.account(time.monotonic()).version(result.chapter.version)
        first = account.first_bad.get(result.chapter.badness) if result.chapter.badness is not None else None
        if first is None or result.rejected_at is None:
            return result
        return replace(result, exposed=max(0.0, result.rejected_at - first))

    def _too_late(self, chapter: Chapter) -> str:
        """Say what was expected in vain."""
        status = self._observation.status
        return (
            f"{chapter.title}: not {chapter.expected} within {chapter.deadline:.0f} s. "
            f"The ModelDeployment is {status.phase}: {status.message or 'it has no status'}"
        )

    async def _paint(self) -> None:
        """Show a scene twice a second, until cancelled."""
        while True:
            scene = self._scene()
            if scene.elapsed >= len(self._timeline) * MOMENT_SECONDS:
                self._timeline.append(Moment(self._current, scene.weight, scene.pods))
            self._stage.show(scene)
            await asyncio.sleep(PAINT_SECONDS)

    def _scene(self) -> Scene:
        now = time.monotonic()
        return Scene(
            chapters=CHAPTERS,
            current=self._current,
            elapsed=now - self._began,
            account=self._ledger.account(now),
            ended=tuple(result.as_expected for result in self._results),
            note=self._note,
            status=self._observation.status,
            events=self._observation.events,
            timeline=tuple(self._timeline),
        )


def on_our_clock(at: datetime) -> float:
    """Turn a time of day into seconds of the monotonic clock."""
    return time.monotonic() - (datetime.now(UTC) - at).total_seconds()


def ending(status: ModelDeploymentStatus, chapter: Chapter) -> HistoryEntry | None:
    """Return how the chapter's version ended, once it has and nothing is under way."""
    if status.candidate is not None:
        return None
    return next((entry for entry in status.history if entry.version == chapter.version), None)


def assert_reason(status: ModelDeploymentStatus, chapter: Chapter) -> None:
    """See that a version was turned away for what is wrong with it, and for nothing else."""
    if not chapter.metric:
        return
    rejected, analysis = status.rejected, status.analysis
    failed = {metric.name for metric in analysis.metrics if metric.verdict is Verdict.FAIL} if analysis else set()
    if (
        rejected is None
        or (rejected.version, rejected.reason) != (chapter.version, "AnalysisFailed")
        or not rejected.message.startswith(f"{chapter.metric}: ")
        or failed != {chapter.metric}
    ):
        found = f"{rejected.version} for {rejected.reason}: {rejected.message}" if rejected is not None else "nothing"
        raise StoryError(
            f"{chapter.title}: expected that {chapter.metric} alone turns it away. "
            f"Turned away is {found}; metrics that fail: {', '.join(sorted(failed)) or 'none'}"
        )


def at_step(chapter: Chapter, index: int) -> Condition:
    """Return the condition that the chapter's version has begun the step."""
    return lambda status: (
        status.candidate_version == chapter.version and status.step is not None and status.step.index >= index
    )


def stable_pods(status: ModelDeploymentStatus) -> int:
    """Return how many pods of the version that carries the traffic are Ready."""
    return sum(item.ready_replicas for item in status.revisions if item.revision == status.stable)


def holds(status: ModelDeploymentStatus) -> bool:
    """Tell whether the analysis holds the rollout."""
    return status.analysis is not None and status.analysis.verdict is Verdict.HOLD

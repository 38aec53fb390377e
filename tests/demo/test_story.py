"""The story against a cluster of words: what it waits for, what it concludes, what it does when things go wrong."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import demo.story
from demo.chapters import CHAPTERS
from demo.load import Samples
from demo.observer import Observation
from demo.platforms import StoryError
from demo.report import Report
from demo.scene import Scene
from demo.story import Story
from serin.api.status import ModelDeploymentStatus, Outcome

SAMPLES = Samples(images=((0,) * 64,), labels=(4,))
STEPS = 5
BAD = {chapter.version for chapter in CHAPTERS if chapter.badness}


@pytest.fixture(autouse=True)
def a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.story, "BETWEEN_CHAPTERS_SECONDS", 0.05)
    monkeypatch.setattr(demo.story, "SEEN_HOLDING_SECONDS", 0.05)


class Silent:
    """A stage that keeps what it is shown."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []

    def show(self, scene: Scene) -> None:
        self.scenes.append(scene)


class Words(Observation):
    """Platform and observation in one: `apply` makes a version live through what `endings` says."""

    kubeconfig = Path("kubeconfig")

    def __init__(
        self,
        gateway_url: str,
        *,
        endings: dict[str, Outcome],
        goes_on_in_outage: bool = False,
        failing: Mapping[str, str] = MappingProxyType({}),
        follows_load: bool = True,
    ) -> None:
        super().__init__()
        self.gateway_url = self.model_url = gateway_url
        self.applied: list[str] = []
        self.answering = "1.0.0"
        self._endings = endings
        self._goes_on_in_outage = goes_on_in_outage
        self._follows_load = follows_load
        self._failing = {chapter.version: chapter.metric for chapter in CHAPTERS} | dict(failing)
        self._prometheus = True
        self._version = ""
        self._history: list[dict[str, Any]] = []

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        overlay = Path(arguments[-1]).name
        self.applied.append(overlay)
        self._version = f"{overlay[1:]}.0.0"
        return ""

    def load_operator(self) -> None:
        raise AssertionError

    def load_demo(self, models: Path) -> None:
        raise AssertionError

    def stop_prometheus(self) -> None:
        self._prometheus = False

    def start_prometheus(self) -> None:
        self._prometheus = True

    async def run(self) -> None:
        told, step = "", 1
        while True:
            await asyncio.sleep(0.05)
            version = self._version
            if version == told or version not in self._endings:
                continue
            if step <= STEPS or not self._prometheus:
                self.answering = version
                await self.see(self._progress(version, step), ())
                step += 1 if self._prometheus or (self._goes_on_in_outage and step < STEPS) else 0
                continue
            told, step = version, 1
            await self.see(self._ended(version), ())

    def _progress(self, version: str, step: int) -> ModelDeploymentStatus:
        now = datetime.now(UTC)
        return ModelDeploymentStatus.model_validate({
            "phase": "Progressing", "candidate": "c", "candidateVersion": version, "history": self._history,
            "step": {"index": step, "of": STEPS, "kind": "Weight", "weight": 10 * step, "plan": "p", "since": now},
            "analysis": {
                "revision": "c", "startedAt": now, "at": now, "reason": "Word", "message": "",
                "verdict": "Continue" if self._prometheus else "Hold",
            },
        })  # fmt: skip

    def _ended(self, version: str) -> ModelDeploymentStatus:
        now = datetime.now(UTC)
        outcome = self._endings[version]
        entry = {
            "revision": "c", "version": version, "outcome": outcome, "reason": "Word", "message": "a reason",
            "startedAt": now - timedelta(seconds=1), "endedAt": now,
        }  # fmt: skip
        self._history = [entry, *self._history]
        metric = self._failing[version]
        message = f"{metric}: too much"
        rejected = {"revision": "c", "version": version, "reason": "AnalysisFailed", "message": message, "at": now}
        verdict = {"verdict": "Fail", "reason": "OverLimit", "message": message}
        analysis = {
            "revision": "c", "startedAt": now, "at": now, **verdict,
            "metrics": [{"name": metric, "limit": 0.02, **verdict}],
        }  # fmt: skip
        turned_away = outcome is Outcome.ROLLED_BACK
        pods = 3 if self._follows_load else 2
        stable = {"revision": "s", "version": "1.0.0", "role": "Stable", "replicas": pods, "readyReplicas": pods}
        return ModelDeploymentStatus.model_validate({
            "phase": "Healthy", "history": self._history, "stable": "s", "revisions": [stable],
            "rejected": rejected if turned_away else None, "analysis": analysis if turned_away else None,
        })  # fmt: skip


@asynccontextmanager
async def gateway(answering: list[Words]) -> AsyncIterator[str]:
    """Answer as the version that is on: v3 wrongly, v4 slowly, v5 with errors."""

    async def predict(_request: web.Request) -> web.Response:
        version = answering[0].answering
        headers = {"X-Serin-Version": version}
        if version == "4.0.0":
            await asyncio.sleep(0.3)
        if version == "5.0.0":
            return web.Response(status=500, headers=headers)
        digit = 1 if version == "3.0.0" else 4
        return web.json_response({"prediction": digit, "prediction_id": "id"}, headers=headers)

    async def outcome(_request: web.Request) -> web.Response:
        return web.Response(status=204)

    application = web.Application()
    application.router.add_post("/predict", predict)
    application.router.add_post("/outcome", outcome)
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/")


def as_told() -> dict[str, Outcome]:
    return {chapter.version: chapter.expected for chapter in CHAPTERS}


def tell(
    endings: dict[str, Outcome],
    *,
    goes_on_in_outage: bool = False,
    failing: Mapping[str, str] = MappingProxyType({}),
    follows_load: bool = True,
) -> tuple[Report, StoryError | None, Words, Silent]:
    async def scenario() -> tuple[Report, StoryError | None, Words, Silent]:
        cluster: list[Words] = []
        stage = Silent()
        async with gateway(cluster) as url:
            words = Words(
                url,
                endings=endings,
                goes_on_in_outage=goes_on_in_outage,
                failing=failing,
                follows_load=follows_load,
            )
            cluster.append(words)
            story = Story(words, SAMPLES, stage, words)
            stopped: StoryError | None = None
            try:
                await story.tell()
            except* StoryError as group:
                error = group.exceptions[0]
                assert isinstance(error, StoryError)
                stopped = error
            return story.report(), stopped, words, stage

    return asyncio.run(scenario())


@pytest.fixture(scope="module")
def told() -> tuple[Report, StoryError | None, Words, Silent]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo.story, "BETWEEN_CHAPTERS_SECONDS", 0.4)
        patch.setattr(demo.story, "SEEN_HOLDING_SECONDS", 0.05)
        patch.setattr(demo.story, "PAINT_SECONDS", 0.02)
        return tell(as_told())


Told = tuple[Report, StoryError | None, Words, Silent]


def test_a_story_that_goes_as_told_succeeds(told: Told) -> None:
    report, error, words, _ = told
    assert error is None
    assert report.succeeded
    assert words.applied == [chapter.name for chapter in CHAPTERS]
    assert [result.outcome for result in report.results] == [chapter.expected for chapter in CHAPTERS]


def test_requests_come_from_the_second_chapter_on_and_none_is_lost(told: Told) -> None:
    report, _, _, stage = told
    assert stage.scenes[0].account.requests == 0
    assert report.account.requests > 20
    assert report.account.lost == 0


def test_the_time_from_the_first_bad_answer_is_told_for_bad_versions_alone(told: Told) -> None:
    report, _, _, _ = told
    exposed = {result.chapter.version: result.exposed for result in report.results}
    assert {version for version, seconds in exposed.items() if seconds is not None} == BAD
    assert all(0 <= exposed[version] < 2 for version in BAD)  # type: ignore[operator]


def test_the_outage_is_announced_and_so_is_its_end(told: Told) -> None:
    _, _, _, stage = told
    notes = list(dict.fromkeys(scene.note for scene in stage.scenes if scene.note))
    assert [note.split(".")[0].split(":")[0] for note in notes][1:] == ["Prometheus is stopped", "Prometheus is back"]


def test_more_users_come_in_the_middle_of_a_rollout_and_it_is_told(told: Told) -> None:
    _, _, _, stage = told
    rush = CHAPTERS[1].rush
    assert rush is not None
    notes = {scene.note for scene in stage.scenes if scene.chapter == CHAPTERS[1] and scene.note}
    assert notes == {"90 requests a second instead of 60: pods follow, of either version."}


def test_pods_that_do_not_follow_the_load_stop_the_story(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.story, "PODS_FOLLOW_SECONDS", 0.3)
    _, error, words, _ = tell(as_told(), follows_load=False)
    assert str(error) == "v2 is better: expected 3 pods for 90 requests/s, found 2"
    assert words.applied == ["v1", "v2"]


def test_another_outcome_than_expected_stops_the_story_and_says_so() -> None:
    report, error, words, _ = tell(as_told() | {"2.0.0": Outcome.ROLLED_BACK})
    assert str(error) == "v2 is better: expected Promoted, found RolledBack. a reason"
    assert words.applied == ["v1", "v2"]
    assert [result.as_expected for result in report.results] == [True, False]
    assert not report.succeeded


def test_a_rollback_for_another_reason_than_the_versions_fault_stops_the_story() -> None:
    _, error, words, _ = tell(as_told(), failing={"3.0.0": "latency"})
    assert str(error) == (
        "v3 is less accurate: expected that accuracy alone turns it away. "
        "Turned away is 3.0.0 for AnalysisFailed: latency: too much; metrics that fail: latency"
    )
    assert words.applied == ["v1", "v2", "v3"]


def test_a_rollout_that_goes_on_during_the_outage_stops_the_story(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.story, "SEEN_HOLDING_SECONDS", 0.3)
    _, error, words, _ = tell(as_told(), goes_on_in_outage=True)
    assert "went on while Prometheus was stopped" in str(error)
    assert words._prometheus


def test_a_chapter_that_does_not_end_is_told_with_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    chapters = (CHAPTERS[0].__class__(**{**vars(CHAPTERS[0]), "deadline": 0.3}),)
    monkeypatch.setattr(demo.story, "CHAPTERS", chapters)
    began = time.monotonic()
    _, error, _, _ = tell({})
    assert time.monotonic() - began < 3
    assert str(error) == ("v1 is deployed: not Deployed within 0 s. The ModelDeployment is Pending: it has no status")

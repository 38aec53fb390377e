"""The desk compares the versions of an A/B test, of an audience as well, and knows the same after a restart."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from controller.test_analysis import KEY, START, ScriptedCollector, come, look, running
from rollout.simulator import manifest
from serin.api.ab_test_status import ABTestDecision, ABTestLeader, ABTestStatus
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus, Phase, RevisionStatus, Role, StepKind, StepStatus
from serin.controller.analysis import AnalysisDesk
from serin.judge import Counts, Pair

HEADERS = {"headers": {"X-Group": "b"}}
GOAL = {"metric": "error-rate", "minimumEffect": {"absolute": "5%"}}


def spec_of(**changes: Any) -> ModelDeploymentSpec:
    """An A/B test of failed requests, a tick every four seconds."""
    metrics = [{"name": "error-rate", "maxIncrease": {"absolute": "20%"}}]
    return ModelDeploymentSpec.model_validate(
        manifest(
            strategy={"type": "ABTest", "abTest": {"goal": GOAL, **changes}},
            analysis={"interval": "4s", "minSamples": 1, "metrics": metrics},
        )
    )


def status_of(weight: int, *, audience: bool = False) -> ModelDeploymentStatus:
    """Its stage has begun."""
    step = StepStatus(index=1, of=1, kind=StepKind.TEST, weight=weight, plan="plan", since=START)
    entry = RevisionStatus(
        revision="first", version="2.0.0", role=Role.CANDIDATE, weight=weight, previewed=audience or None
    )
    return ModelDeploymentStatus(
        phase=Phase.PROGRESSING, candidate="first", stable="stable", step=step, weight=weight, revisions=(entry,)
    )


def better(candidate: str, at: datetime) -> Pair:
    """The candidate fails less; a little more or less from tick to tick."""
    more = float(at.second % 3)
    return Pair(Counts(10 + more, 200), Counts(30 - more, 200))


def told(desk: AnalysisDesk) -> ABTestStatus:
    """How the test stands."""
    judgement = desk.judgement(KEY)
    assert judgement is not None
    assert judgement.analysis.test is not None
    return judgement.analysis.test


@pytest.mark.parametrize("audience", [False, True], ids=["weight", "audience"])
def test_who_leads_is_told_at_every_tick_and_who_won_in_the_end(audience: bool) -> None:
    async def story() -> None:
        spec = spec_of(**({"audience": HEADERS} if audience else {}))
        status = status_of(0 if audience else 50, audience=audience)
        async with running(ScriptedCollector(counted=better)) as (desk, time, news):
            desk.follow(KEY, "uid", spec, status)
            await come(desk, time, news, 9)
            assert (told(desk).leader, told(desk).decision) == (ABTestLeader.CANDIDATE, None)
            for tick in range(3, 30):
                await come(desk, time, news, 4 * tick + 1)
            assert told(desk).decision is ABTestDecision.WON
            before = told(desk)
        async with running(ScriptedCollector(counted=better)) as (desk, time, news):
            time.set(START + timedelta(seconds=117))
            desk.follow(KEY, "uid", spec, status)
            await come(desk, time, news, 117)
            assert told(desk) == before

    asyncio.run(story())


def test_a_decision_is_news_at_once() -> None:
    """Numbers alone are told now and then; that somebody won is told with its tick."""

    async def story() -> None:
        async with running(ScriptedCollector(counted=better), refresh=timedelta(hours=1)) as (desk, time, _):
            desk.follow(KEY, "uid", spec_of(), status_of(50))
            for tick in range(1, 30):
                await look(desk, time, 4 * tick + 1)
            assert told(desk).decision is ABTestDecision.WON

    asyncio.run(story())


def test_another_goal_is_compared_anew() -> None:
    async def story() -> None:
        async with running(ScriptedCollector(counted=better)) as (desk, time, news):
            desk.follow(KEY, "uid", spec_of(), status_of(50))
            await come(desk, time, news, 9)
            first = desk.courses[KEY].trial
            other = {"goal": {"metric": "error-rate", "minimumEffect": {"relative": "10%"}}}
            desk.follow(KEY, "uid", spec_of(**other), status_of(50))
            assert desk.courses[KEY].trial is not first

    asyncio.run(story())

"""Where a rollout would stand by its time and verdicts, as the operator's own plan has it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.manifest import with_steps
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import Verdict
from serin.cli.course import Course, Decision, Word
from serin.rollout.schedule import schedule

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TWO_STEPS = ({"weight": 10, "hold": "5m"}, {"weight": 50, "hold": "5m"})


def course(*steps: dict[str, Any], **analysis: Any) -> Course:
    """A rollout by these steps that has just begun."""
    spec = ModelDeploymentSpec.model_validate(with_steps(*(steps or TWO_STEPS), **analysis)["spec"])
    plan = schedule(spec)
    assert spec.analysis is not None
    assert plan is not None
    return Course(spec.analysis, plan, START)


def hear(
    under_way: Course, minute: float, verdict: Verdict, *, ticks: int = 9, samples: float = 1000, within: bool = True
) -> None:
    """A verdict, so many minutes after the start."""
    at = START + minute * MINUTE
    under_way.until(at)
    under_way.hear(Word(verdict, ticks, samples, "so it is", lambda: within))


def minutes(at: datetime) -> float:
    """How long after the start."""
    return (at - START) / MINUTE


def test_a_step_ends_when_its_hold_is_over_even_between_two_ticks() -> None:
    one = course({"weight": 10, "hold": "90s"}, {"weight": 50, "hold": "5m"})
    hear(one, 1, Verdict.CONTINUE)
    one.until(START + 2 * MINUTE)
    assert [(minutes(moved.since), moved.weight) for moved in one.moves] == [(0, 10), (1.5, 50)]


def test_a_step_needs_a_verdict_of_its_own() -> None:
    one = course()
    hear(one, 4, Verdict.PASS)
    one.until(START + 20 * MINUTE)
    assert one.stage.weight == 50
    assert one.ending is None


@pytest.mark.parametrize(("ticks", "samples"), [(2, 1000), (9, 49)])
def test_a_step_waits_for_ticks_and_samples(ticks: int, samples: float) -> None:
    one = course()
    hear(one, 6, Verdict.PASS, ticks=ticks, samples=samples)
    assert one.stage.weight == 10
    hear(one, 7, Verdict.PASS)
    assert one.stage.weight == 50


def test_the_time_in_hold_does_not_use_up_a_step() -> None:
    one = course()
    hear(one, 1, Verdict.CONTINUE)
    hear(one, 2, Verdict.HOLD)
    hear(one, 3, Verdict.HOLD)
    hear(one, 4, Verdict.CONTINUE)
    one.until(START + 10 * MINUTE)
    assert minutes(one.since) == 7


def test_only_a_pass_ends_the_last_step() -> None:
    one = course()
    hear(one, 5, Verdict.CONTINUE)
    hear(one, 10, Verdict.CONTINUE)
    hear(one, 12, Verdict.CONTINUE)
    assert one.ending is None
    hear(one, 13, Verdict.PASS)
    assert one.ending is not None
    assert (one.ending.decision, minutes(one.ending.at)) == (Decision.PROMOTED, 13)


def test_a_failure_ends_it_at_once_even_in_a_pause() -> None:
    one = course({"weight": 10, "hold": "1m"}, {"pause": {"duration": "1h"}}, {"weight": 50})
    hear(one, 1, Verdict.PASS)
    hear(one, 2, Verdict.FAIL)
    assert one.ending is not None
    assert (one.ending.decision, one.ending.why) == (Decision.ROLLED_BACK, "so it is")


def test_a_pause_that_a_person_ends_is_ended_at_once_and_a_timed_one_by_its_time() -> None:
    one = course(
        {"weight": 10, "hold": "1m"}, {"pause": {}}, {"weight": 20, "hold": "1m"}, {"pause": {"duration": "3m"}},
        {"weight": 50},
    )  # fmt: skip
    hear(one, 1, Verdict.PASS)
    assert one.stage.weight == 20
    hear(one, 2, Verdict.PASS)
    one.until(START + 5 * MINUTE)
    assert [(minutes(moved.since), moved.weight) for moved in one.moves] == [(0, 10), (1, 20), (5, 50)]


@pytest.mark.parametrize(
    ("choice", "decision"),
    [("Pause", Decision.PAUSED), ("Promote", Decision.PROMOTED), ("Rollback", Decision.ROLLED_BACK)],
)
def test_at_max_duration_the_user_s_choice_decides_and_pauses_do_not_count(choice: str, decision: Decision) -> None:
    one = course(
        {"weight": 10, "hold": "1m"},
        {"pause": {"duration": "1h"}},
        {"weight": 50},
        maxDuration="30m",
        initialDelay="0s",
        onInconclusive=choice,
    )
    hear(one, 1, Verdict.PASS)
    hear(one, 70, Verdict.HOLD)
    assert one.ending is None
    one.until(START + 120 * MINUTE)
    assert one.ending is not None
    assert (one.ending.decision, minutes(one.ending.at)) == (decision, 90)


@pytest.mark.parametrize(("within", "decision"), [(True, Decision.PROMOTED), (False, Decision.PAUSED)])
def test_at_max_duration_an_estimate_within_the_limits_in_the_last_step_promotes(
    within: bool, decision: Decision
) -> None:
    one = course({"weight": 10}, maxDuration="30m", initialDelay="0s")
    hear(one, 29, Verdict.CONTINUE, within=within)
    one.until(START + 31 * MINUTE)
    assert one.ending is not None
    assert one.ending.decision is decision


def test_without_more_data_it_is_undecided_and_says_where_it_stood() -> None:
    one = course()
    hear(one, 6, Verdict.HOLD)
    ending = one.close()
    assert ending.decision is Decision.UNDECIDED
    assert ending.why == "it was still in step 1 of 2 (10%); the last word: Hold, so it is"

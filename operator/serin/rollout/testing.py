"""The stage of an A/B test: it ends when the evidence decides, or when its time is over."""

from datetime import timedelta

from serin.api.ab_test import Winner
from serin.api.ab_test_status import ABTestDecision, ABTestStatus
from serin.api.base import format_duration
from serin.api.status import Verdict
from serin.rollout.draft import Draft
from serin.rollout.evidence import enough_seen
from serin.rollout.holding import time_is_up
from serin.rollout.revisions import dismiss
from serin.rollout.stages import Stage


def has_won(draft: Draft, stage: Stage) -> bool:
    """Whether the candidate has won and takes over now; one that did not win is let go here.

    A winner takes over once each other metric has passed, or at the end of the time all are within their limits. A test
    of unsound data decides nothing.
    """
    strategy, seen = draft.desired.spec.strategy, enough_seen(draft)
    test = seen.test if seen is not None else None
    # Missing data do not prolong it; pauses do.
    is_over = stage.hold is not None and time_is_up(draft, stage.hold)
    if strategy is None or strategy.ab_test is None:
        return False
    if seen is None or test is None or seen.verdict is Verdict.HOLD or test.decision is None:
        if is_over and not _is_won(test):
            length = format_duration(stage.hold or timedelta(0))
            last = f"; the last word: {test.message}" if test is not None else ": nothing was counted"
            dismiss(draft, "Undecided", f"the A/B test decided nothing within {length}{last}")
        return False
    if test.decision is not ABTestDecision.WON:
        dismiss(draft, str(test.decision), f"{_LOSES[test.decision]}: {test.message}")
        return False
    _tell(draft, test)
    return strategy.ab_test.winner is Winner.PROMOTE and (
        seen.verdict is Verdict.PASS or (is_over and seen.is_within_limits)
    )


_LOSES = {
    ABTestDecision.LOST: "the stable version is better",
    ABTestDecision.NO_IMPROVEMENT: "the candidate is not better by minimumEffect",
}


def _is_won(test: ABTestStatus | None) -> bool:
    return test is not None and test.decision is ABTestDecision.WON


def _tell(draft: Draft, test: ABTestStatus) -> None:
    """Once: of what the cluster has been told already there is no Event."""
    before = draft.world.status.analysis
    known = before is not None and before.revision == draft.status.candidate and _is_won(before.test)
    if not known:
        draft.say("ABTestWon", f"version {draft.status.candidate_version} has won the A/B test: {test.message}")


def words_of_test(draft: Draft) -> str | None:
    """How the test stands, for the message of the status; None if nothing is known yet."""
    strategy, seen = draft.desired.spec.strategy, draft.status.analysis
    if strategy is None or strategy.ab_test is None or seen is None or seen.test is None:
        return None
    test = seen.test
    if not _is_won(test):
        return f"{test.message}; needs {test.needs}" if test.needs else test.message
    if strategy.ab_test.winner is Winner.KEEP:
        return f"it has won, and stays until somebody promotes or aborts: {test.message}"
    return f"it has won, and takes over once every other metric has passed ({seen.reason}): {test.message}"

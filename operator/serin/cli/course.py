"""Where a rollout would stand, by the time that passed and the verdicts so far: what the operator does, without pods.

It goes by the same rules as `serin.rollout.steps`. Nothing is waited for but time and data: pods are Ready and the
route is accepted at once, and a pause that only a person ends is ended at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from serin.api.spec import Analysis, OnInconclusive
from serin.api.status import StepKind, Verdict
from serin.judge import Step
from serin.rollout.schedule import Schedule
from serin.rollout.stages import Stage

NO_TIME = timedelta(0)


class Decision(StrEnum):
    """How it ends."""

    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    PAUSED = "Paused"
    COMPARED = "Compared"
    UNDECIDED = "Undecided"


@dataclass(frozen=True)
class Ending:
    """What was decided, when and why."""

    decision: Decision
    at: datetime
    why: str


@dataclass(frozen=True)
class Word:
    """What the judge says of a tick, as far as it moves a rollout.

    ticks, samples: of the present step. is_within_limits: tells whether the estimates are; it is asked for only when
        that decides.
    """

    verdict: Verdict
    ticks: int
    samples: float
    message: str
    is_within_limits: Callable[[], bool]


@dataclass(frozen=True)
class Moved:
    """A weight, and since when the candidate had it."""

    since: datetime
    weight: int


class Course:
    """One rollout under way. Times only go on.

    start: when the candidate got its first weight.
    """

    def __init__(self, analysis: Analysis, plan: Schedule, start: datetime) -> None:
        self.stage: Stage = plan.stages[0]
        self.since = start
        self.ending: Ending | None = None
        self.moves = [Moved(start, self.stage.weight)]
        self._analysis = analysis
        self._plan = plan
        self._began: datetime | None = None
        self._note_beginning()
        self._now = start
        self._paused = NO_TIME
        self._held = NO_TIME
        self._held_since: datetime | None = None
        self._last: Word | None = None
        self._is_judged = False

    @property
    def step(self) -> Step:
        """What the judge is told of the step."""
        return Step(self.since, self.stage.weight, self.stage.mirror)

    def until(self, moment: datetime) -> None:
        """Time passes, without another verdict."""
        while self.ending is None:
            end, overdue = self._end_of_stage(), self._end_of_analysis()
            if overdue is not None and overdue <= moment and (end is None or overdue <= end):
                self._now = max(self._now, overdue)
                self._decide_without_evidence()
            elif end is not None and end <= moment:
                self._now = end
                self._leave()
            else:
                break
        self._now = max(self._now, moment)

    def hear(self, word: Word) -> None:
        """A tick was judged, now."""
        if self.ending is not None:
            return
        self._last, self._is_judged = word, True
        if word.verdict is Verdict.FAIL:
            self._end(Decision.ROLLED_BACK, word.message)
            return
        if word.verdict is Verdict.HOLD and self.stage.is_judged:
            self._held_since = self._held_since or self._now
        elif self._held_since is not None:
            self._held += self._now - self._held_since
            self._held_since = None
        self.until(self._now)

    def close(self) -> Ending:
        """There is no more data: the ending, whatever it is."""
        if self.ending is None:
            where = f"step {self.stage.step} of {self._plan.steps} ({self.stage.weight}%)"
            self._end(Decision.UNDECIDED, f"it was still in {where}; {self._last_word}")
        assert self.ending is not None  # noqa: S101 - a help for the type checker
        return self.ending

    def _end_of_stage(self) -> datetime | None:
        """When the stage ends if no other verdict comes; None if only data can end it."""
        if not self.stage.is_judged:
            return self.since + (self.stage.hold or NO_TIME)
        if self._last is None or not self._is_judged or not self._data_allow(self._last):
            return None
        return max(self._now, self.since + (self.stage.hold or NO_TIME) + self._held)

    def _data_allow(self, seen: Word) -> bool:
        if seen.ticks < self._analysis.confirm or seen.samples < self._analysis.min_samples:
            return False
        return seen.verdict is Verdict.PASS or (seen.verdict is Verdict.CONTINUE and not self._plan.decides(self.stage))

    def _end_of_analysis(self) -> datetime | None:
        if self._last is None or self._began is None or not self.stage.is_judged:
            return None
        return self._began + self._analysis.max_duration + self._paused

    def _decide_without_evidence(self) -> None:
        seen = self._last
        is_last = self._plan.after(self.stage) is None
        sound = (
            seen is not None
            and self._is_judged
            and seen.verdict in {Verdict.PASS, Verdict.CONTINUE}
            and seen.samples >= self._analysis.min_samples
            and seen.is_within_limits()
        )
        why = f"the data decided nothing within maxDuration; {self._last_word}"
        if self._plan.discards:
            self._end(Decision.COMPARED, why)
        elif (is_last and sound) or self._analysis.on_inconclusive is OnInconclusive.PROMOTE:
            self._end(Decision.PROMOTED, "analysis.maxDuration was over")
        elif self._analysis.on_inconclusive is OnInconclusive.ROLLBACK:
            self._end(Decision.ROLLED_BACK, why)
        else:
            self._end(Decision.PAUSED, why)

    @property
    def _last_word(self) -> str:
        return f"the last word: {self._last.verdict}, {self._last.message}" if self._last else "nothing was judged yet"

    def _leave(self) -> None:
        if self.stage.kind is StepKind.PAUSE:
            self._paused += self._now - self.since
        following = self._plan.after(self.stage)
        if following is None:
            self._end(Decision.COMPARED if self._plan.discards else Decision.PROMOTED, "every step was done")
            return
        self.stage, self.since = following, self._now
        self._held, self._held_since, self._is_judged = NO_TIME, None, False
        self._note_beginning()
        if following.weight != self.moves[-1].weight:
            self.moves.append(Moved(self.since, following.weight))

    def _note_beginning(self) -> None:
        """The analysis begins when the candidate gets requests, or copies of some, for the first time."""
        if self._began is None and self.stage.reaches:
            self._began = self.since + self._analysis.initial_delay

    def _end(self, decision: Decision, why: str) -> None:
        self.ending = Ending(decision, self._now, why)

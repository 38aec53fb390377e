"""What every metric of a rollout on trial can do, whatever it measures."""

from collections.abc import Sequence
from typing import Protocol

from serin.api.spec import AnalysisMetric
from serin.api.status import MetricStatus
from serin.judge.counts import Pair
from serin.judge.intake import Intake
from serin.judge.needs import Outlook
from serin.judge.rule import Finding


class Measure(Protocol):
    """One metric of one rollout: its evidence, and what follows from it."""

    metric: AnalysisMetric

    @property
    def finding(self) -> Finding:
        """What its evidence says. Of shares the judge finds it, for all at once, when they are heard."""

    def learn(self, history: Sequence[Pair]) -> None:
        """Take in what stable did before the analysis, oldest first."""

    def enter(self) -> None:
        """A step begins: what is counted by step is counted anew."""

    def stand_alone(self) -> None:
        """In the step that has begun, stable gets no requests to compare with."""

    def take(self, pair: Pair, *, in_step: bool, beside: bool, intake: Intake) -> None:
        """Take in one tick.

        beside: stable had requests beside the candidate's, so that what both did can be compared.
        """

    @property
    def samples(self) -> float | None:
        """The candidate's events in the step; None where none are counted."""

    @property
    def outlook(self) -> Outlook | None:
        """What it comes to at the present rates; None where nobody can tell, or to nothing."""

    def status(self) -> MetricStatus:
        """The numbers and words for people."""

    def close(self) -> None:
        """The rollout is over."""

"""What every metric of a rollout on trial can do, whatever it measures."""

from collections.abc import Sequence
from typing import Protocol

from serin.api.spec import AnalysisMetric
from serin.api.status import MetricStatus
from serin.judge.counts import Pair
from serin.judge.intake import Intake
from serin.judge.rule import Finding


class Measure(Protocol):
    """One metric of one rollout: its evidence, and the last finding that was made from it."""

    metric: AnalysisMetric
    finding: Finding

    def learn(self, history: Sequence[Pair]) -> None:
        """Take in what stable did before the analysis, oldest first."""

    def enter(self) -> None:
        """A step begins: what is counted by step is counted anew."""

    def stand_alone(self) -> None:
        """In the step that has begun, stable gets no requests to compare with."""

    def take(self, pair: Pair, *, in_step: bool, intake: Intake) -> None:
        """Take in one tick."""

    @property
    def samples(self) -> float:
        """The candidate's events in the step."""

    def status(self) -> MetricStatus:
        """The numbers and words for people."""

    def close(self) -> None:
        """The rollout is over."""

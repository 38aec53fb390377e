"""`status.analysis.test`: how an A/B test stands."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serin.api.base import Model

Share = Annotated[str, Field(max_length=8)]


class ABTestDecision(StrEnum):
    """What the evidence of an A/B test has decided."""

    WON = "Won"
    LOST = "Lost"
    NO_IMPROVEMENT = "NoImprovement"


class ABTestLeader(StrEnum):
    """Who is ahead in an A/B test, by the estimate alone."""

    CANDIDATE = "Candidate"
    STABLE = "Stable"


class ABTestCounts(Model):
    """Events of one version, and how many of them the metric counts."""

    counted: float
    """Bad ones, or good ones, as the metric says."""
    total: float
    """All of them."""


class ABTestStatus(Model):
    """Whether the candidate is better than stable by the metric of the goal, as far as it is known."""

    metric: Annotated[str, Field(max_length=63)]
    """The metric that decides."""
    decision: ABTestDecision | None = None
    """Won: the candidate is better. Lost: stable is. NoImprovement: the candidate is not better by minimumEffect."""
    message: Annotated[str, Field(max_length=1024)]
    """One sentence for a person: who leads, by how much, of how many."""
    leader: ABTestLeader | None = None
    """Who is ahead, by the estimate alone; nobody where both are equal or nothing is known."""
    candidate: ABTestCounts | None = None
    """The candidate's events."""
    stable: ABTestCounts | None = None
    """The stable version's events in the same windows."""
    estimate: float | None = None
    """The candidate's share less stable's."""
    interval: Annotated[tuple[float, ...], Field(max_length=2)] | None = None
    """A confidence interval of that difference, at 1 - significance, whenever one looks."""
    won: Share | None = None
    """How much of the evidence that the candidate is better is there, from 0.00 to 1.00."""
    lost: Share | None = None
    """How much of the evidence that stable is better is there, from 0.00 to 1.00."""
    no_improvement: Share | None = None
    """How much of the evidence that the candidate is not better by minimumEffect is there, from 0.00 to 1.00."""
    planned: float | None = None
    """How many of the candidate's events find minimumEffect with the power that was asked for, at stable's share."""
    needs: Annotated[str, Field(max_length=256)] | None = None
    """What is missing for a decision."""

"""`spec.analysis`: how the candidate is judged while it carries traffic."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serin.api.base import (
    DNS_LABEL,
    UNQUOTED,
    Duration,
    Fraction,
    Model,
    at_least,
    cel_is_duration,
    matching,
)
from serin.api.metric import AnalysisMetric
from serin.api.rules import Rule, UniqueBy

CONFIDENCE_HELP = 'write a share from 0.5 to below 1, such as "0.95": one healthy rollout in 20 may be rolled back'
PROMETHEUS_HELP = "write a name from the operator's settings: lower case letters, digits and dashes, such as default"


class OnInconclusive(StrEnum):
    """What happens when `maxDuration` is over and the data decide nothing."""

    PAUSE = "Pause"
    PROMOTE = "Promote"
    ROLLBACK = "Rollback"


class Analysis(Model):
    """How the candidate is judged while it carries traffic."""

    prometheus: Annotated[str, Field(max_length=63), matching(DNS_LABEL, PROMETHEUS_HELP)] = "default"
    """Which Prometheus is asked: one that the operator's settings name."""
    interval: Annotated[
        Duration, at_least("1s", "write at least 1s: Prometheus has nothing new to tell more often")
    ] = timedelta(seconds=30)
    """The tick, and the window of each query; windows never overlap. At least 1s."""
    initial_delay: Duration = timedelta(0)
    """How long after the candidate is Ready nothing is judged: a model's warm-up."""
    confidence: Annotated[
        Fraction,
        Rule(
            r"self.matches(r'^(0\.[5-9][0-9]*|[5-9][0-9](\.[0-9]+)?%)$')",
            lambda value: 0.5 <= value < 1,
            CONFIDENCE_HELP,
        ),
        Field(json_schema_extra={"default": "0.95"}),
    ] = 0.95
    """1 less the highest chance that a healthy rollout is ever rolled back, over all metrics and looks together."""
    confirm: Annotated[int, Field(ge=1, le=100), UNQUOTED] = 3
    """How many ticks must agree before a rollback."""
    min_samples: Annotated[int, Field(ge=1, le=1_000_000), UNQUOTED] = 50
    """How many of the candidate's events a step needs at least."""
    watch: Duration = timedelta(0)
    """How long the candidate is judged at 100 % after the last step; stable stays ready: going back is one write."""
    max_duration: Duration = timedelta(hours=2)
    """How long the analysis may take, outside pauses."""
    on_inconclusive: OnInconclusive = OnInconclusive.PAUSE
    """What happens then, if the data decide nothing."""
    metrics: Annotated[tuple[AnalysisMetric, ...], Field(min_length=1, max_length=16), UniqueBy("name")]
    """The signals; any one that fails with action Rollback rolls back."""

    rules = (
        Rule(
            f"!{cel_is_duration('self.interval')} || !{cel_is_duration('self.maxDuration')} ||"
            " duration(self.maxDuration).getMilliseconds()"
            " >= duration(self.interval).getMilliseconds() * self.confirm",
            lambda analysis: analysis.max_duration >= analysis.interval * analysis.confirm,
            "maxDuration is over before confirm ticks can agree: write at least confirm times interval",
            field=".maxDuration",
        ),
        Rule(
            f"!{cel_is_duration('self.watch')} || !{cel_is_duration('self.maxDuration')} ||"
            " duration(self.watch) == duration('0s') || duration(self.maxDuration) > duration(self.watch)",
            lambda analysis: not analysis.watch or analysis.max_duration > analysis.watch,
            "maxDuration is over before the watch is: write more than watch, which is a part of it",
            field=".maxDuration",
        ),
    )

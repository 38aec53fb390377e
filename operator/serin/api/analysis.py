"""`spec.analysis`: how the candidate is judged while it carries traffic."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serin.api.base import (
    LONGEST_DURATION,
    UNQUOTED,
    Duration,
    Model,
    Proportion,
    at_least,
    cel_is_duration,
    cel_is_proportion,
    is_duration,
    is_proportion,
    parse_duration,
    parse_proportion,
)
from serin.api.rules import Rule, UniqueBy


class MetricSource(StrEnum):
    """Who counts the requests."""

    SERVER = "Server"
    GATEWAY = "Gateway"


class MetricAction(StrEnum):
    """What a failed metric does."""

    ROLLBACK = "Rollback"
    WARN = "Warn"


class MetricName(StrEnum):
    """The signals that Serin knows how to count."""

    ERROR_RATE = "error-rate"
    LATENCY = "latency"
    ACCURACY = "accuracy"


def _is_latency_threshold(text: str) -> bool:
    return is_duration(text) and parse_duration(text) > timedelta(0)


QUANTILE_HELP = 'write a share between 0 and 1, such as "0.95": so many requests must be within the threshold'


class AnalysisMetric(Model):
    """One signal and its limit."""

    name: MetricName
    """error-rate and latency have a threshold; accuracy has a delta."""
    threshold: Annotated[str, Field(max_length=32)] | None = None
    """error-rate: the highest share of failed requests, such as "2%". latency: the SLA, such as 250ms."""
    quantile: (
        Annotated[
            Proportion,
            Rule(
                r"!self.matches(r'^(0+(\.0+)?%?|100(\.0+)?%|1(\.0+)?)$')",
                lambda value: 0 < value < 1,
                QUANTILE_HELP,
            ),
        ]
        | None
    ) = None
    """latency: the share of requests that must be within the threshold; "0.95" unless given."""
    delta: Proportion | None = None
    """accuracy: how far the candidate may fall below stable in the same window, such as "1%"."""
    source: MetricSource = MetricSource.SERVER
    """Server: the model server's own metrics. Gateway: the proxy's."""
    action: MetricAction = MetricAction.ROLLBACK
    """Rollback, or only Warn."""

    rules = (
        Rule(
            "self.name != 'accuracy' || (has(self.delta) && !has(self.threshold) && !has(self.quantile))",
            lambda metric: (
                metric.name is not MetricName.ACCURACY
                or (metric.delta is not None and metric.threshold is None and metric.quantile is None)
            ),
            'accuracy takes delta alone: write one such as delta: "1%", and neither threshold nor quantile',
        ),
        Rule(
            "self.name != 'accuracy' || self.source == 'Server'",
            lambda metric: metric.name is not MetricName.ACCURACY or metric.source is MetricSource.SERVER,
            "accuracy is counted by the model server, a gateway sees none: write Server, or leave source out",
            field=".source",
        ),
        Rule(
            "self.name == 'accuracy' || (has(self.threshold) && !has(self.delta))",
            lambda metric: (
                metric.name is MetricName.ACCURACY or (metric.threshold is not None and metric.delta is None)
            ),
            'error-rate and latency take a threshold and no delta: write threshold: "2%" or threshold: 250ms',
        ),
        Rule(
            f"self.name != 'latency' || !has(self.threshold) || ({cel_is_duration('self.threshold')}"
            f" && duration(self.threshold) > duration('0s')"
            f" && duration(self.threshold) <= duration('{LONGEST_DURATION}'))",
            lambda metric: (
                metric.name is not MetricName.LATENCY
                or metric.threshold is None
                or _is_latency_threshold(metric.threshold)
            ),
            "a latency threshold is a duration above zero: write one such as 250ms or 1s",
            field=".threshold",
        ),
        Rule(
            f"self.name != 'error-rate' || !has(self.threshold) || {cel_is_proportion('self.threshold')}",
            lambda metric: (
                metric.name is not MetricName.ERROR_RATE or metric.threshold is None or is_proportion(metric.threshold)
            ),
            'an error-rate threshold is a share: write one such as "2%" or "0.02"',
            field=".threshold",
        ),
        Rule(
            "self.name != 'error-rate' || !has(self.quantile)",
            lambda metric: metric.name is not MetricName.ERROR_RATE or metric.quantile is None,
            "quantile belongs to latency: leave it out",
            field=".quantile",
        ),
    )

    @property
    def limit(self) -> float:
        """The highest acceptable share of bad events, or rise of it over stable (accuracy)."""
        if self.name is MetricName.LATENCY:
            return 1.0 - (0.95 if self.quantile is None else self.quantile)
        if self.name is MetricName.ACCURACY:
            return self.delta or 0.0
        return parse_proportion(self.threshold)

    @property
    def latency_threshold(self) -> timedelta:
        """The SLA of a latency metric."""
        return parse_duration(self.threshold)


class OnInconclusive(StrEnum):
    """What happens when `maxDuration` is over and the data decide nothing."""

    PAUSE = "Pause"
    PROMOTE = "Promote"
    ROLLBACK = "Rollback"


class Analysis(Model):
    """How the candidate is judged while it carries traffic."""

    interval: Annotated[
        Duration, at_least("1s", "write at least 1s: Prometheus has nothing new to tell more often")
    ] = timedelta(seconds=30)
    """The tick, and the window of each query; windows never overlap. At least 1s."""
    initial_delay: Duration = timedelta(0)
    """How long after the candidate is Ready nothing is judged: a model's warm-up."""
    confirm: Annotated[int, Field(ge=1, le=100), UNQUOTED] = 3
    """How many ticks must agree before a rollback."""
    min_samples: Annotated[int, Field(ge=1, le=1_000_000), UNQUOTED] = 50
    """How many of the candidate's events a step needs at least."""
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
    )

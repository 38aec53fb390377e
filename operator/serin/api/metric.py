"""One entry of `spec.analysis.metrics`: what is measured, and what is too bad."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from serin.api.base import (
    DNS_LABEL,
    UNQUOTED,
    Boolean,
    Model,
    Number,
    Proportion,
    cel_is_number,
    matching,
    parse_duration,
    parse_proportion,
)
from serin.api.metric_kinds import SHARES, Direction, Divergence, DriftOf, MetricAction, MetricKind, MetricSource
from serin.api.metric_rules import CEL_NONE_OR_ALL, RULES
from serin.api.own_metrics import Distribution, Mean, PromQL, Ratio
from serin.api.rules import Rule

DEFAULT_QUANTILE = 0.95
DEFAULT_PSI = 0.2
METRIC_NAME_HELP = "write lower case letters, digits and dashes, such as error-rate"
FEATURE_HELP = "write the feature as the server labels it: letters, digits and _ . : / - , such as amount"

_BELOW_ONE = Rule(
    f"!{cel_is_number('self')} || double(self) < 1.0",
    lambda value: value < 1,
    'this distance is never above 1: write less, such as "0.1"',
)


class MaxIncrease(Model):
    """How much worse than stable the candidate may be in the same time: (1 + relative) times stable, plus absolute."""

    absolute: Annotated[str, Field(max_length=16)] | None = None
    """A share such as "0.5%", in points; of mean and gauge a plain number in their unit."""
    relative: Proportion | None = None
    """A part of stable's own share, such as "10%"."""

    rules = (
        Rule(
            "(has(self.absolute) && self.absolute.matches('[1-9]'))"
            " || (has(self.relative) && self.relative.matches('[1-9]'))",
            lambda increase: re.search("[1-9]", increase.absolute or "") is not None or bool(increase.relative),
            "that nothing at all is worse can never be shown: write an increase above zero,"
            ' such as absolute: "0.5%" or relative: "10%"',
        ),
    )


class AnalysisMetric(Model):
    """One signal and its limit."""

    name: Annotated[str, Field(max_length=63), matching(DNS_LABEL, METRIC_NAME_HELP)]
    """error-rate, latency, accuracy, prediction-drift, input-drift; or any other, with PromQL of your own."""
    threshold: Annotated[str, Field(max_length=32)] | None = None
    """error-rate, ratio: the highest share of bad events, such as "2%". latency: the SLA, such as 250ms."""
    quantile: (
        Annotated[
            Proportion,
            Rule(
                f"!self.matches(r'{CEL_NONE_OR_ALL}')",
                lambda value: 0 < value < 1,
                'write a share between 0 and 1, such as "0.95": so many requests must be within the threshold',
            ),
        ]
        | None
    ) = None
    """latency: the share of requests that must be within the threshold; "0.95" unless given."""
    max_increase: MaxIncrease | None = None
    """In place of a limit of its own: how much worse than stable it may be in the same time."""
    delta: (
        Annotated[
            Proportion,
            Rule(
                "self.matches('[1-9]')",
                lambda value: value > 0,
                'that nothing at all is worse can never be shown: write a delta above zero, such as "1%"',
            ),
        ]
        | None
    ) = None
    """accuracy, ratio: short for maxIncrease.absolute; how many points the candidate may be worse than stable."""
    max_psi: Annotated[Number | None, Field(alias="maxPSI")] = None
    """Distributions: the highest population stability index, corrected for the number of events; "0.2" unless given."""
    max_kl: Annotated[Number | None, Field(alias="maxKL")] = None
    """Or the highest Kullback-Leibler divergence of the candidate from stable, in nats."""
    max_js: Annotated[Annotated[Number, _BELOW_ONE] | None, Field(alias="maxJS")] = None
    """Or the highest Jensen-Shannon divergence, in nats."""
    max_ks: Annotated[Annotated[Number, _BELOW_ONE] | None, Field(alias="maxKS")] = None
    """Or the highest Kolmogorov-Smirnov distance."""
    written_of: Annotated[DriftOf | None, Field(alias="of")] = None
    """prediction-drift: of Scores or of Classes; Scores unless given."""
    feature: Annotated[str, Field(max_length=128), matching(r"^[A-Za-z0-9_.:/-]+$", FEATURE_HELP)] | None = None
    """input-drift: which feature."""
    ratio: Ratio | None = None
    """A share of your own: bad events of all events."""
    mean: Mean | None = None
    """A mean of your own."""
    gauge: PromQL | None = None
    """A level of your own, without counts: its evidence is approximate."""
    distribution: Distribution | None = None
    """A distribution of your own."""
    direction: Direction | None = None
    """mean, gauge: which values are the good ones; LowerIsBetter unless given."""
    source: MetricSource = MetricSource.SERVER
    """Server: the model server's own metrics. Gateway: the proxy's."""
    written_action: Annotated[MetricAction | None, Field(alias="action")] = None
    """Rollback, or only Warn; Rollback unless given, of distributions Warn: a new model is to predict differently."""
    critical: Boolean = False
    """A catastrophe is believed at the first tick, without confirm."""
    weight: Annotated[int, Field(ge=1, le=100), UNQUOTED] = 1
    """Its share of the chance of a false rollback, beside the others that roll back: more finds faults sooner."""

    rules = RULES

    @property
    def kind(self) -> MetricKind:
        """What it measures."""
        if self.name in SHARES or self.ratio is not None:
            return MetricKind.SHARE
        if self.mean is not None:
            return MetricKind.MEAN
        return MetricKind.GAUGE if self.gauge is not None else MetricKind.DISTRIBUTION

    @property
    def limit(self) -> float | None:
        """The highest acceptable share of bad events; None if it is compared with stable, or a distribution."""
        if self.threshold is None or self.max_increase is not None:
            return None
        if self.name == "latency":
            return 1.0 - (DEFAULT_QUANTILE if self.quantile is None else self.quantile)
        return parse_proportion(self.threshold)

    @property
    def slack(self) -> float:
        """How much worse than stable it may be, as a part of stable's share; 0 unless given."""
        return (self.max_increase.relative or 0.0) if self.max_increase else 0.0

    @property
    def tolerance(self) -> float:
        """How much worse than stable it may be, in points of a share or in the unit of the mean; 0 unless given."""
        if self.delta is not None:
            return self.delta
        absolute = self.max_increase.absolute if self.max_increase else None
        if absolute is None:
            return 0.0
        return parse_proportion(absolute) if self.kind is MetricKind.SHARE else float(absolute)

    @property
    def latency_threshold(self) -> timedelta:
        """The SLA of a latency metric."""
        return parse_duration(self.threshold)

    @property
    def higher_is_better(self) -> bool:
        """Whether low values are the bad ones."""
        return self.direction is Direction.HIGHER_IS_BETTER

    @property
    def divergence(self) -> tuple[Divergence, float] | None:
        """By which measure a distribution is compared, and how far apart it may be; None for the others."""
        if self.kind is not MetricKind.DISTRIBUTION:
            return None
        limits = zip(Divergence, (self.max_psi, self.max_kl, self.max_js, self.max_ks), strict=True)
        given = ((measure, limit) for measure, limit in limits if limit is not None)
        return next(given, (Divergence.PSI, DEFAULT_PSI))

    @property
    def of(self) -> DriftOf:
        """What prediction-drift compares."""
        return self.written_of or DriftOf.SCORES

    @property
    def action(self) -> MetricAction:
        """What it does when it fails."""
        drifts = self.kind is MetricKind.DISTRIBUTION
        return self.written_action or (MetricAction.WARN if drifts else MetricAction.ROLLBACK)

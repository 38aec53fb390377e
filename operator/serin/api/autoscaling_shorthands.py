"""The shorthands of `spec.autoscaling`: above what is scaled up, and below what, for how long, down."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from serin.api.autoscaling_behavior import ScalingBehavior, ScalingRules
from serin.api.autoscaling_metrics import (
    AutoscalingMetric,
    MetricTarget,
    MetricTargetType,
    MetricType,
    PrometheusMetricSource,
    ResourceMetricSource,
    Signal,
)
from serin.api.base import UNQUOTED, Duration, Model, at_most, format_number
from serin.api.quantity import PERCENT_PATTERN, Percent
from serin.api.rules import Rule

PerPod = Annotated[int, Field(ge=1, le=1_000_000), UNQUOTED]

PERCENTAGES = ("cpu", "memory")
"""Shorthands in percent of what the pods request."""
PER_POD = {"queueLength": Signal.QUEUE_LENGTH, "runningRequests": Signal.RUNNING_REQUESTS}
"""Shorthands in requests for each pod."""

_MILLION = 10**6
"""A tolerance is written with six decimals."""


class Thresholds(Model):
    """Amounts that the metrics are held against; at least one."""

    cpu: Percent | None = None
    """CPU, in percent of what the pods request."""
    memory: Percent | None = None
    """Memory, in percent of what the pods request."""
    queue_length: PerPod | None = None
    """Requests that wait, for each pod, as the preset of the model server counts them."""
    running_requests: PerPod | None = None
    """Requests under way, for each pod, as the preset of the model server counts them."""

    rules = (
        Rule(
            "has(self.cpu) || has(self.memory) || has(self.queueLength) || has(self.runningRequests)",
            lambda thresholds: bool(thresholds.amounts),
            "name at least one of cpu, memory, queueLength and runningRequests, such as cpu: 70%",
        ),
    )

    @property
    def amounts(self) -> Mapping[str, int]:
        """Those that are given, by their names as they are written."""
        amounts = (self.cpu, self.memory, self.queue_length, self.running_requests)
        named = zip((*PERCENTAGES, *PER_POD), amounts, strict=True)
        return {name: amount for name, amount in named if amount is not None}


class ScaleUpAbove(Thresholds):
    """Above what is scaled up: each is a metric with this target, and any excess counts."""


class ScaleDownBelow(Thresholds):
    """Below what is scaled down, if all metrics have been for long enough."""

    for_: Annotated[Duration, Field(alias="for"), at_most("1h", "write at most 1h: no autoscaler remembers longer")] = (
        timedelta(minutes=5)
    )
    """For how long."""


def expansion(
    above: ScaleUpAbove, below: ScaleDownBelow | None
) -> tuple[tuple[AutoscalingMetric, ...], ScalingBehavior]:
    """The metrics and the behavior that the shorthands stand for.

    An autoscaler has one tolerance downwards for all metrics: of several the largest, so that none is followed down
    before it is below what is written for it.
    """
    metrics = tuple(_metric(name, amount) for name, amount in above.amounts.items())
    down = None
    if below is not None:
        ratios = [_Ratio(amount, above.amounts[name]) for name, amount in below.amounts.items()]
        tolerance = max(ratio.tolerance for ratio in ratios)
        window = math.ceil(below.for_.total_seconds())
        down = ScalingRules(tolerance=format_number(tolerance / _MILLION), stabilization_window_seconds=window)
    return metrics, ScalingBehavior(scale_up=ScalingRules(tolerance="0"), scale_down=down)


@dataclass(frozen=True)
class _Ratio:
    """The lower threshold over the upper one."""

    below: int
    above: int

    @property
    def tolerance(self) -> int:
        """The least tolerance within which the lower threshold itself still is, in millionths."""
        millionths = math.ceil(_MILLION - _MILLION * self.below / self.above)
        while not 1.0 - _as_read(millionths) <= self.below / self.above:
            millionths += 1
        return millionths


def _as_read(millionths: int) -> float:
    """The tolerance as Kubernetes reads such a quantity: an integer times a power of a thousand, in floats."""
    base, exponent = millionths, -6
    while exponent and base % 1000 == 0:
        base, exponent = base // 1000, exponent + 3
    return base * float(f"1e{exponent}")


def _metric(name: str, amount: int) -> AutoscalingMetric:
    if name in PERCENTAGES:
        target = MetricTarget(type=MetricTargetType.UTILIZATION, average_utilization=amount)
        return AutoscalingMetric(type=MetricType.RESOURCE, resource=ResourceMetricSource(name=name, target=target))
    target = MetricTarget(type=MetricTargetType.AVERAGE_VALUE, average_value=str(amount))
    source = PrometheusMetricSource(metric=PER_POD[name], target=target)
    return AutoscalingMetric(type=MetricType.PROMETHEUS, prometheus=source)


def _cel_lower(name: str) -> str:
    """CEL: the threshold below, if both are given and can be read, is less than the one above."""
    below, above = f"self.scaleDownBelow.{name}", f"self.scaleUpAbove.{name}"
    # Optional fields (`.?`) have no known length, and so no bearable cost.
    given = f"has({below}) && has({above})"
    if name in PER_POD:
        return f"(!({given}) || {below} < {above})"
    read = f"{below}.matches(r'{PERCENT_PATTERN}') && {above}.matches(r'{PERCENT_PATTERN}')"
    return f"(!({given} && {read}) || int({below}.replace('%', '')) < int({above}.replace('%', '')))"


_BOTH = "!has(self.scaleDownBelow) || !has(self.scaleUpAbove) || "
_NAMES = (*PERCENTAGES, *PER_POD)
CEL_NAMED_ABOVE = "!has(self.scaleDownBelow) || (has(self.scaleUpAbove) && {})".format(
    " && ".join(f"(!has(self.scaleDownBelow.{name}) || has(self.scaleUpAbove.{name}))" for name in _NAMES)
)
"""CEL: what is named below is named above, of a part that has both."""
CEL_LOWER = f"{_BOTH}({' && '.join(map(_cel_lower, _NAMES))})"
"""CEL: every threshold below is lower than the one above."""


def named_above(above: ScaleUpAbove | None, below: ScaleDownBelow | None) -> bool:
    """Whether what is named below is named above."""
    return below is None or (above is not None and below.amounts.keys() <= above.amounts.keys())


def lower(above: ScaleUpAbove | None, below: ScaleDownBelow | None) -> bool:
    """Whether every threshold below is lower than the one above."""
    if above is None or below is None:
        return True
    return all(amount < above.amounts[name] for name, amount in below.amounts.items() if name in above.amounts)

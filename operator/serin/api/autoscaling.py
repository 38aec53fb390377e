"""`spec.autoscaling`: how many pods carry the traffic, decided by metrics as `autoscaling/v2` decides it."""

from typing import Annotated

from pydantic import Field

from serin.api.autoscaling_behavior import ScalingBehavior
from serin.api.autoscaling_metrics import (
    AutoscalingMetric,
    MetricTarget,
    MetricTargetType,
    MetricType,
    ResourceMetricSource,
)
from serin.api.autoscaling_shorthands import (
    CEL_LOWER,
    CEL_NAMED_ABOVE,
    ScaleDownBelow,
    ScaleUpAbove,
    expansion,
    lower,
    named_above,
)
from serin.api.base import UNQUOTED, Model
from serin.api.rules import Rule

DEFAULT_METRIC = AutoscalingMetric(
    type=MetricType.RESOURCE,
    resource=ResourceMetricSource(
        name="cpu", target=MetricTarget(type=MetricTargetType.UTILIZATION, average_utilization=80)
    ),
)
"""What is followed if nothing is named, as Kubernetes' own autoscaler does."""

MetricList = Annotated[tuple[AutoscalingMetric, ...], Field(min_length=1, max_length=16)]


class Autoscaling(Model):
    """How many pods carry the whole traffic, by metrics; `replicas` is left out beside it."""

    min_replicas: Annotated[int, Field(ge=0, le=10_000), UNQUOTED] = 1
    """The fewest pods; 0 needs a metric that is known while no pod runs."""
    max_replicas: Annotated[int, Field(ge=1, le=10_000), UNQUOTED]
    """The most pods, of each version."""
    metrics: MetricList | None = None
    """What is followed, as in autoscaling/v2, and Prometheus; CPU at 80 percent unless anything is named."""
    behavior: ScalingBehavior | None = None
    """How fast replicas may change, as in autoscaling/v2."""
    scale_up_above: ScaleUpAbove | None = None
    """In place of metrics: above what is scaled up."""
    scale_down_below: ScaleDownBelow | None = None
    """In place of behavior, beside scaleUpAbove: below what is scaled down."""

    rules = (
        Rule(
            "self.minReplicas <= self.maxReplicas",
            lambda autoscaling: autoscaling.min_replicas <= autoscaling.max_replicas,
            "minReplicas is more than maxReplicas: write at most maxReplicas",
            field=".minReplicas",
        ),
        Rule(
            "(!has(self.scaleUpAbove) && !has(self.scaleDownBelow)) || (!has(self.metrics) && !has(self.behavior))",
            lambda autoscaling: (
                (autoscaling.scale_up_above is None and autoscaling.scale_down_below is None)
                or (autoscaling.metrics is None and autoscaling.behavior is None)
            ),
            "scaleUpAbove and scaleDownBelow are short for metrics and behavior: write either the short or the long",
        ),
        Rule(
            CEL_NAMED_ABOVE,
            lambda autoscaling: named_above(autoscaling.scale_up_above, autoscaling.scale_down_below),
            "scaleDownBelow needs the same metric in scaleUpAbove, which says what each pod shall carry: add it there",
            field=".scaleDownBelow",
        ),
        Rule(
            CEL_LOWER,
            lambda autoscaling: lower(autoscaling.scale_up_above, autoscaling.scale_down_below),
            "scaling down begins below where scaling up does: write less in scaleDownBelow than in scaleUpAbove",
            field=".scaleDownBelow",
        ),
        Rule(
            "self.minReplicas > 0 || (has(self.metrics) && self.metrics.exists(metric, has(metric.object)"
            " || has(metric.external) || (has(metric.prometheus) && has(metric.prometheus.query))))",
            lambda autoscaling: (
                autoscaling.min_replicas > 0
                or any(metric.knows_demand_without_pods for metric in autoscaling.metrics or ())
            ),
            "without pods nothing says that there is demand: write minReplicas: 1, or add a metric of type Object or"
            " External, or of type Prometheus with a query",
            field=".minReplicas",
        ),
    )

    def expanded(self) -> "Autoscaling":
        """The same with metrics, and with the shorthands written out as metrics and behavior."""
        metrics, behavior = self.metrics or (DEFAULT_METRIC,), self.behavior
        if self.scale_up_above is not None:
            metrics, behavior = expansion(self.scale_up_above, self.scale_down_below)
        return Autoscaling(
            min_replicas=self.min_replicas, max_replicas=self.max_replicas, metrics=metrics, behavior=behavior
        )

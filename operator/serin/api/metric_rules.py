"""What is contradictory in one entry of `spec.analysis.metrics`, in CEL and in Python, with what to write instead."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from serin.api.base import (
    LONGEST_DURATION,
    cel_is_duration,
    cel_is_number,
    cel_is_proportion,
    is_duration,
    is_number,
    is_proportion,
    parse_duration,
    parse_proportion,
)
from serin.api.metric_kinds import DRIFTS, SHARES, MetricAction, MetricKind, MetricName, MetricSource
from serin.api.rules import Rule

OWN = {"ratio": "ratio", "mean": "mean", "gauge": "gauge", "distribution": "distribution"}
"""Fields with PromQL: as they are written, and as Python names them."""
DIVERGENCES = {"maxPSI": "max_psi", "maxKL": "max_kl", "maxJS": "max_js", "maxKS": "max_ks"}
_LIMITS = {"threshold": "threshold", "maxIncrease": "max_increase", "delta": "delta"}

CEL_NONE_OR_ALL = r"^(0+(\.0+)?%?|100(\.0+)?%|1(\.0+)?)$"
"""Shares that are no limit: nothing at all, or the whole."""


def _listed(names: Iterable[str]) -> str:
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"


def _cel_count(fields: Iterable[str]) -> str:
    return "[" + ", ".join(f"has(self.{name})" for name in fields) + "].filter(given, given).size()"


def _count(metric: Any, fields: Iterable[str]) -> int:
    return sum(getattr(metric, name) is not None for name in fields)


_BUILT_IN = f"self.name in {_listed(MetricName)}"
_SHARE = f"(self.name in {_listed(SHARES)} || has(self.ratio))"
_PLAIN_SHARE = "(self.name == 'error-rate' || has(self.ratio))"
_LEVEL = "(has(self.mean) || has(self.gauge))"
_DRIFT = f"(self.name in {_listed(DRIFTS)} || has(self.distribution))"
_ABSOLUTE = "self.maxIncrease.absolute"
_NO_ABSOLUTE = "!has(self.maxIncrease) || !has(self.maxIncrease.absolute)"


def _is_plain_share(metric: Any) -> bool:
    return metric.name == MetricName.ERROR_RATE or metric.ratio is not None


def _is_level(metric: Any) -> bool:
    return metric.kind in {MetricKind.MEAN, MetricKind.GAUGE}


def _is_drift(metric: Any) -> bool:
    return metric.kind is MetricKind.DISTRIBUTION


def _is_latency_threshold(text: str) -> bool:
    return is_duration(text) and parse_duration(text) > timedelta(0)


def _is_share_threshold(text: str) -> bool:
    return is_proportion(text) and 0 < parse_proportion(text) < 1


def _absolute(metric: Any) -> object:
    """What is written there; 1, which is right of every kind, if nothing is."""
    absolute = metric.max_increase.absolute if metric.max_increase is not None else None
    return "1" if absolute is None else absolute


WHAT_IS_MEASURED = (
    Rule(
        f"{_BUILT_IN} || {_cel_count(OWN)} == 1",
        lambda metric: metric.name in list(MetricName) or _count(metric, OWN.values()) == 1,
        f"Serin itself counts {', '.join(MetricName)}: write one of these, or for a metric of your own"
        " exactly one of ratio, mean, gauge and distribution",
        field=".name",
    ),
    Rule(
        f"!({_BUILT_IN}) || {_cel_count(OWN)} == 0",
        lambda metric: metric.name not in list(MetricName) or _count(metric, OWN.values()) == 0,
        "Serin counts this itself: leave ratio, mean, gauge and distribution out, or choose another name",
        field=".name",
    ),
    Rule(
        "(self.name == 'input-drift') == has(self.feature)",
        lambda metric: (metric.name == MetricName.INPUT_DRIFT) == (metric.feature is not None),
        "input-drift is of one feature, and nothing else is: write feature there, and leave it out elsewhere",
        field=".feature",
    ),
    Rule(
        "self.name == 'prediction-drift' || !has(self.of)",
        lambda metric: metric.name == MetricName.PREDICTION_DRIFT or metric.written_of is None,
        "of belongs to prediction-drift: leave it out",
        field=".of",
    ),
    Rule(
        "self.source == 'Server' || self.name in ['error-rate', 'latency']",
        lambda metric: (
            metric.source is MetricSource.SERVER or metric.name in {MetricName.ERROR_RATE, MetricName.LATENCY}
        ),
        "a gateway counts error-rate and latency alone: write Server, or leave source out",
        field=".source",
    ),
)

HOW_IT_IS_LIMITED = (
    Rule(
        f"!{_PLAIN_SHARE} || {_cel_count(_LIMITS)} == 1",
        lambda metric: not _is_plain_share(metric) or _count(metric, _LIMITS.values()) == 1,
        'it needs one limit: write threshold: "2%" (of all events), or maxIncrease: {absolute: "0.5%"}'
        " (over stable), and not both",
    ),
    Rule(
        "!has(self.ratio) || !has(self.ratio.good) || has(self.delta)",
        lambda metric: metric.ratio is None or metric.ratio.good is None or metric.delta is not None,
        'a ratio of good events is compared with stable: write delta: "1%", how many points fewer there may be',
    ),
    Rule(
        "self.name != 'latency' || has(self.threshold)",
        lambda metric: metric.name != MetricName.LATENCY or metric.threshold is not None,
        "latency needs a threshold, from which on an answer is too slow: write threshold: 250ms",
    ),
    Rule(
        "self.name != 'accuracy' || (has(self.delta) != has(self.maxIncrease) && !has(self.threshold))",
        lambda metric: (
            metric.name != MetricName.ACCURACY
            or (metric.threshold is None and _count(metric, ("delta", "max_increase")) == 1)
        ),
        'accuracy is compared with stable: write delta: "1%", or maxIncrease, and no threshold',
    ),
    Rule(
        f"!{_LEVEL} || (has(self.maxIncrease) && !has(self.threshold))",
        lambda metric: not _is_level(metric) or (metric.max_increase is not None and metric.threshold is None),
        'mean and gauge are compared with stable: write maxIncrease: {absolute: "5"}, and no threshold',
    ),
    Rule(
        f"!{_DRIFT} || {_cel_count(('threshold', 'maxIncrease'))} == 0",
        lambda metric: not _is_drift(metric) or _count(metric, ("threshold", "max_increase")) == 0,
        "a distribution is limited by maxPSI, maxKL, maxJS or maxKS: leave threshold and maxIncrease out",
    ),
    Rule(
        f"{_cel_count(DIVERGENCES)} <= ({_DRIFT} ? 1 : 0)",
        lambda metric: _count(metric, DIVERGENCES.values()) <= (1 if _is_drift(metric) else 0),
        "one of maxPSI, maxKL, maxJS and maxKS limits a distribution, and nothing else: leave the others out",
    ),
    Rule(
        "!has(self.delta) || self.name == 'accuracy' || has(self.ratio)",
        lambda metric: metric.delta is None or metric.name == MetricName.ACCURACY or metric.ratio is not None,
        'delta belongs to accuracy and ratio: leave it out, or write maxIncrease: {absolute: "1%"}',
        field=".delta",
    ),
    Rule(
        "self.name == 'latency' || !has(self.quantile)",
        lambda metric: metric.name == MetricName.LATENCY or metric.quantile is None,
        "quantile belongs to latency: leave it out",
        field=".quantile",
    ),
    Rule(
        "!has(self.quantile) || !has(self.maxIncrease)",
        lambda metric: metric.quantile is None or metric.max_increase is None,
        "with maxIncrease the share of slow answers is compared with stable's: leave quantile out",
        field=".quantile",
    ),
    Rule(
        f"{_LEVEL} || !has(self.direction)",
        lambda metric: _is_level(metric) or metric.direction is None,
        "direction belongs to mean and gauge: leave it out",
        field=".direction",
    ),
)

HOW_LIMITS_ARE_WRITTEN = (
    Rule(
        f"self.name != 'latency' || !has(self.threshold) || ({cel_is_duration('self.threshold')}"
        f" && duration(self.threshold) > duration('0s')"
        f" && duration(self.threshold) <= duration('{LONGEST_DURATION}'))",
        lambda metric: (
            metric.name != MetricName.LATENCY or metric.threshold is None or _is_latency_threshold(metric.threshold)
        ),
        "a latency threshold is a duration above zero: write one such as 250ms or 1s",
        field=".threshold",
    ),
    Rule(
        f"!{_PLAIN_SHARE} || !has(self.threshold) || (self.threshold.size() <= 16"
        f" && {cel_is_proportion('self.threshold')} && !self.threshold.matches(r'{CEL_NONE_OR_ALL}'))",
        lambda metric: not _is_plain_share(metric) or metric.threshold is None or _is_share_threshold(metric.threshold),
        'this threshold is a share between 0 and 1: write one such as "2%" or "0.02"',
        field=".threshold",
    ),
    Rule(
        f"!{_SHARE} || {_NO_ABSOLUTE} || {cel_is_proportion(_ABSOLUTE)}",
        lambda metric: metric.kind is not MetricKind.SHARE or is_proportion(_absolute(metric)),
        'here absolute is a share: write one such as "0.5%" or "0.005"',
        field=".maxIncrease.absolute",
    ),
    Rule(
        f"!{_LEVEL} || {_NO_ABSOLUTE} || {cel_is_number(_ABSOLUTE)}",
        lambda metric: not _is_level(metric) or is_number(_absolute(metric)),
        'of mean and gauge absolute is a number above zero, in their unit: write one such as "5" or "0.1"',
        field=".maxIncrease.absolute",
    ),
    Rule(
        f"!{_LEVEL} || !has(self.maxIncrease) || (has(self.maxIncrease.absolute) && !has(self.maxIncrease.relative))",
        lambda metric: (
            not _is_level(metric)
            or metric.max_increase is None
            or (metric.max_increase.absolute is not None and metric.max_increase.relative is None)
        ),
        "relative is for shares: for mean and gauge write absolute alone",
        field=".maxIncrease",
    ),
)

WHAT_IT_DOES = (
    Rule(
        f"!self.critical || self.?action.orValue({_DRIFT} ? 'Warn' : 'Rollback') == 'Rollback'",
        lambda metric: not metric.critical or metric.action is MetricAction.ROLLBACK,
        "critical rolls back at once and Warn never: leave critical out, or write action: Rollback",
        field=".critical",
    ),
    Rule(
        f"self.weight == 1 || self.?action.orValue({_DRIFT} ? 'Warn' : 'Rollback') == 'Rollback'",
        lambda metric: metric.weight == 1 or metric.action is MetricAction.ROLLBACK,
        "weight is a share of the chance of a false rollback, and Warn takes none: leave weight out",
        field=".weight",
    ),
)

RULES = WHAT_IS_MEASURED + HOW_IT_IS_LIMITED + HOW_LIMITS_ARE_WRITTEN + WHAT_IT_DOES

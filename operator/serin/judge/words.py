"""How numbers are put to a person."""

from datetime import timedelta

from serin.api.base import format_duration
from serin.api.spec import AnalysisMetric, MetricName
from serin.judge.counts import Counts


def percent(share: float) -> str:
    """A share for people, to two digits: 0.0123 is `1.2%`, 0.95 is `95%`."""
    return f"{float(f'{share * 100:.2g}'):g}%" if share < 0.1 else f"{share * 100:.1f}".removesuffix(".0") + "%"


def points(difference: float) -> str:
    """A difference of shares: 0.0123 is `+1.2 points`."""
    return f"{difference * 100:+.1f} points"


def number(count: float) -> str:
    """A count with thousands apart: 1204 is `1,204`."""
    return f"{count:,.0f}"


def events(metric: AnalysisMetric) -> str:
    """What the metric counts."""
    if metric.name == MetricName.ACCURACY:
        return "labeled predictions"
    return "requests" if metric.name in {MetricName.ERROR_RATE, MetricName.LATENCY} else "events"


def _fault(metric: AnalysisMetric) -> str:
    if metric.name == MetricName.ERROR_RATE:
        return "failed"
    if metric.name == MetricName.LATENCY:
        return f"took longer than {milliseconds(metric.latency_threshold)}"
    if metric.ratio is not None and metric.ratio.good is not None:
        return "were not good"
    return "were wrong" if metric.name == MetricName.ACCURACY else "were bad"


def milliseconds(value: timedelta) -> str:
    """A short duration as people say it: `250ms`, `1.5s`."""
    seconds = value.total_seconds()
    return format_duration(value) if seconds < 1 or seconds == int(seconds) else f"{seconds:g}s"


def of_candidate(metric: AnalysisMetric, counts: Counts) -> str:
    """Such as `5.1% of the candidate's 120 requests failed`."""
    return f"{percent(counts.share)} of the candidate's {number(counts.total)} {events(metric)} {_fault(metric)}"


def about(count: float) -> str:
    """A rough number, rounded to two digits: 873 is `about 880`."""
    whole = max(1, int(count + 0.999999))
    unit = 10 ** max(0, len(str(whole)) - 2)
    return f"about {number(-(-whole // unit) * unit)}"

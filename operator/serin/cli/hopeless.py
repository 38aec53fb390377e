"""Plans that cannot be promoted by evidence, even if all goes well, and what to write instead, in numbers."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from serin.api.base import format_duration
from serin.api.spec import AnalysisMetric, MetricAction, MetricName
from serin.api.status import StepKind
from serin.cli.chance import Leg, Plan, Run
from serin.cli.manifests import FieldPath
from serin.cli.simulated import most_tolerated, step_plan
from serin.judge import forecast
from serin.judge.words import number, percent
from serin.rollout.stages import Stage

ANALYSIS: FieldPath = ("spec", "analysis")
STEPS: FieldPath = ("spec", "strategy", "canary", "steps")
_WEIGHTS = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90)
_EASED = (1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)
_LONGER = 10
"""So many times the time that there is, nobody waits."""
_MOST_TICKS = 2000
_SPARE = 1.5
"""So many times what the middle one of the rollouts takes is advised: half of them take longer."""


@dataclass(frozen=True)
class Problem:
    """Why a plan is hopeless: the field to change, and what to write there.

    rule: names the problem, for programs. metric: the one whose share of bad events in stable matters, if one does.
    """

    rule: str
    path: FieldPath
    text: str
    metric: str | None = None


def problems(plan: Plan, healthy: Run, positions: Mapping[str, int]) -> list[Problem]:
    """What stands against a candidate that is as good as stable.

    healthy: the typical rollout of such a one. positions: of the metrics in the manifest, by name.
    """
    found = [*_empty_ticks(plan), *_breached_by_stable(plan, positions)]
    if found:
        return found
    rollback = [metric for metric in plan.analysis.metrics if metric.action is MetricAction.ROLLBACK]
    open_metrics = [metric for metric in rollback if metric.name not in healthy.passing]
    if healthy.is_proven or plan.schedule.discards:
        return []
    last = healthy.legs[-1]
    if not _is_last(plan, last.stage):
        return [_too_short(plan, healthy, last)]
    few = [metric for metric in rollback if _events(plan, metric, last) < plan.analysis.min_samples]
    if few:
        return [_too_few(plan, few[0], last)]
    return [_undecided(plan, metric, last, positions[metric.name]) for metric in open_metrics]


def _is_last(plan: Plan, stage: Stage) -> bool:
    return plan.schedule.decides(stage) or stage.kind is StepKind.WATCH


def _events(plan: Plan, metric: AnalysisMetric, leg: Leg) -> float:
    """The candidate's, in a stage."""
    rate = plan.traffic.streams[metric.name].events
    return rate * plan.analysis.interval.total_seconds() * leg.stage.reaches / 100 * leg.ticks


def _empty_ticks(plan: Plan) -> Iterator[Problem]:
    """A tick without a request of the candidate is missing data, and ticks in a row hold the rollout."""
    least = min((stage for stage in plan.schedule.stages if stage.is_judged), key=lambda stage: stage.reaches)
    # Labels come late and in batches: a tick without one is nothing.
    rates = {"requests": plan.traffic.requests} | {
        f"events of {name}": stream.events
        for name, stream in plan.traffic.streams.items()
        if name != MetricName.ACCURACY
    }
    what, rate = min(rates.items(), key=lambda item: item[1])
    expected = rate * plan.analysis.interval.total_seconds() * least.reaches / 100
    if expected >= 1:
        return
    interval = rounded_up(timedelta(seconds=100 / (rate * least.reaches)))
    weight = math.ceil(100 / (rate * plan.analysis.interval.total_seconds()))
    other = f", or begin with a weight of at least {weight}" if weight <= 100 and not least.mirror else ""
    yield Problem(
        "ticks-without-requests",
        (*ANALYSIS, "interval"),
        f"at {rate:.3g} {what}/s and {least.reaches}% a tick has {expected:.2g} of the candidate's, and ticks without "
        f"any hold the rollout: raise interval to at least {format_duration(interval)}{other}",
    )


def _breached_by_stable(plan: Plan, positions: Mapping[str, int]) -> Iterator[Problem]:
    for metric in plan.analysis.metrics:
        rate = plan.traffic.streams[metric.name].rate
        if metric.limit is None or rate < metric.limit or metric.action is not MetricAction.ROLLBACK:
            continue
        yield Problem(
            "stable-over-limit",
            (*ANALYSIS, "metrics", positions[metric.name]),
            f"{percent(rate)} of stable's events are bad, and the limit is {percent(metric.limit)}: a candidate that "
            "is as good as stable cannot pass; write a limit well above, or maxIncrease",
            metric.name,
        )


def _too_short(plan: Plan, healthy: Run, last: Leg) -> Problem:
    wanted = sum((_least(plan, stage) for stage in plan.schedule.stages), timedelta(0))
    words = (
        f"when it is over, the rollout is in step {last.stage.step} of {plan.schedule.steps} "
        f"({format_duration(_seconds(healthy.lasted))} after the start)"
    )
    return Problem(
        "max-duration-too-short",
        (*ANALYSIS, "maxDuration"),
        f"{words}: raise maxDuration to at least {format_duration(rounded_up(wanted))}, or shorten the steps",
    )


def _least(plan: Plan, stage: Stage) -> timedelta:
    """What a stage takes: its hold, the ticks that a verdict needs, and minSamples events."""
    if not stage.is_judged:
        return timedelta(0)
    slowest = min(plan.traffic.streams[metric.name].events for metric in plan.analysis.metrics)
    samples = timedelta(seconds=plan.analysis.min_samples / (slowest * stage.reaches / 100))
    return max(stage.hold or timedelta(0), plan.analysis.interval * (plan.analysis.confirm + 1), samples)


def _too_few(plan: Plan, metric: AnalysisMetric, last: Leg) -> Problem:
    rate = plan.traffic.streams[metric.name].events
    needed = timedelta(seconds=plan.analysis.min_samples / (rate * last.stage.reaches / 100))
    events = _events(plan, metric, last)
    return Problem(
        "min-samples-out-of-reach",
        (*ANALYSIS, "minSamples"),
        f"in the last step {metric.name} counts about {number(events)} of the candidate's events by maxDuration: "
        f"raise maxDuration to at least {format_duration(rounded_up(last.since + needed))}, or lower minSamples to "
        f"{max(1, math.floor(events))}",
    )


def _undecided(plan: Plan, metric: AnalysisMetric, last: Leg, position: int) -> Problem:
    rate = plan.traffic.streams[metric.name].rate
    margin = most_tolerated(metric, rate) - rate
    advice = _advice(plan, metric, last)
    write = f"raise {', or '.join(advice)}" if advice else "give it a wider limit, or action: Warn"
    return Problem(
        "cannot-pass",
        (*ANALYSIS, "metrics", position),
        f"{metric.name} does not pass by maxDuration ({format_duration(plan.analysis.max_duration)}), although the "
        f"candidate is as good as stable ({percent(rate)} bad, {percent(rate + margin)} are tolerated; "
        f"{number(_events(plan, metric, last))} events of the candidate in the last step): {write}",
        metric.name,
    )


def _advice(plan: Plan, metric: AnalysisMetric, last: Leg) -> list[str]:
    """Each of these alone is enough."""
    return [*_longer(plan, metric, last), *_heavier(plan, metric, last), *_wider(plan, metric, last)]


def _longer(plan: Plan, metric: AnalysisMetric, last: Leg) -> Iterator[str]:
    most = min(_LONGER * last.ticks, _MOST_TICKS)
    ticks = _ticks_to_pass(plan, metric, last.stage.weight, most, mirror=last.stage.mirror)
    if ticks is not None:
        whole = last.since + _SPARE * ticks * plan.analysis.interval
        yield f"maxDuration to {format_duration(rounded_up(whole))}"


def _heavier(plan: Plan, metric: AnalysisMetric, last: Leg) -> Iterator[str]:
    if last.stage.kind is StepKind.WATCH or last.stage.mirror:
        return
    enough = int(last.ticks / _SPARE)
    for weight in _WEIGHTS:
        if weight > last.stage.weight and _ticks_to_pass(plan, metric, weight, enough) is not None:
            yield f"the last step's weight to {weight}"
            return


def _wider(plan: Plan, metric: AnalysisMetric, last: Leg) -> Iterator[str]:
    enough = int(last.ticks / _SPARE)
    for factor in _EASED:
        wider = _eased(metric, factor)
        if wider is None:
            return
        words, eased = wider
        if _ticks_to_pass(plan, eased, last.stage.weight, enough, mirror=last.stage.mirror) is not None:
            yield words
            return


def _ticks_to_pass(plan: Plan, metric: AnalysisMetric, weight: int, most: int, *, mirror: int = 0) -> int | None:
    rate = plan.traffic.streams[metric.name].rate
    return forecast.ticks_to_pass(step_plan(plan, metric, weight, mirror=mirror), baseline_rate=rate, most_ticks=most)


def _eased(metric: AnalysisMetric, factor: float) -> tuple[str, AnalysisMetric] | None:
    """The metric with a limit so many times as wide, and how to write it."""
    if metric.limit is not None:
        if metric.name == MetricName.LATENCY or metric.limit * factor >= 1:
            return None
        return _written("threshold", metric.limit * factor, metric, "threshold")
    if metric.delta is not None:
        return _written("delta", metric.delta * factor, metric, "delta")
    increase = metric.max_increase
    if increase is None or increase.absolute is None or metric.tolerance * factor >= 1:
        return None
    value = f"{100 * metric.tolerance * factor:.3g}%"
    eased = metric.model_copy(update={"max_increase": increase.model_copy(update={"absolute": value})})
    return f"maxIncrease.absolute to {value}", eased


def _written(word: str, value: float, metric: AnalysisMetric, field: str) -> tuple[str, AnalysisMetric] | None:
    if value >= 1:
        return None
    text = f"{100 * value:.3g}%"
    update = {field: text if field == "threshold" else float(text[:-1]) / 100}
    return f"{word} to {text}", metric.model_copy(update=update)


def _seconds(span: timedelta) -> timedelta:
    return timedelta(seconds=round(span.total_seconds()))


def rounded_up(span: timedelta) -> timedelta:
    """To what people write: whole minutes, or seconds where it is short."""
    unit = 60 if span > timedelta(minutes=5) else 5 if span > timedelta(seconds=30) else 1
    return timedelta(seconds=math.ceil(span.total_seconds() / unit - 1e-9) * unit)

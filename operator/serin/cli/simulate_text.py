"""A simulation for people, as tables, and for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from serin.api.base import format_duration
from serin.cli.chance import Leg
from serin.cli.course import Decision
from serin.cli.findings import field_name
from serin.cli.hopeless import Problem
from serin.cli.output import table
from serin.cli.simulated import RISES, Forecast, Regression, Simulation, StepForecast, most_tolerated
from serin.judge.words import number, percent
from serin.rollout.stages import Stage

NONE = "-"


@dataclass(frozen=True)
class Told:
    """All that is told. assumed: metrics whose rate was neither given nor measured."""

    simulation: Simulation
    problems: tuple[Problem, ...]
    assumed: frozenset[str]


def as_text(told: Told) -> str:
    """The steps, the metrics, what each step can tell, and what is hopeless."""
    simulation = told.simulation
    parts = [_traffic(told), _steps(simulation), _metrics(told)]
    if simulation.steps:
        parts.append(_by_step(simulation.steps, simulation.plan.analysis.interval))
    if simulation.unknown:
        parts.append(
            f"Not forecast: {', '.join(simulation.unknown)}. How much means, gauges and distributions scatter is not "
            "known beforehand; serin replay tries them on the past."
        )
    parts.append(_conclusion(told))
    return "\n\n".join(parts)


def _traffic(told: Told) -> str:
    plan = told.simulation.plan
    budget = plan.budget
    steps = f"{budget.steps} step" if budget.steps == 1 else f"{budget.steps} steps"
    return (
        f"At {plan.traffic.requests:.4g} requests/s, a tick every {format_duration(plan.analysis.interval)}. A "
        f"candidate as good as stable is rolled back in at most {percent(1.0 - budget.confidence)} of rollouts "
        f"(confidence {percent(budget.confidence)}, shared by weight {budget.weights:g}, over {steps})."
    )


def _steps(simulation: Simulation) -> str:
    rows = [
        (
            _step(leg.stage),
            f"{leg.stage.mirror}% copied" if leg.stage.mirror else f"{leg.stage.weight}%",
            str(leg.stage.kind),
            NONE if leg.stage.hold is None else format_duration(leg.stage.hold),
            _span(leg.until - leg.since),
            str(leg.ticks),
            number(leg.requests),
        )
        for leg in simulation.healthy.legs
    ]
    return table(("STEP", "WEIGHT", "KIND", "HOLD", "LASTS", "TICKS", "CANDIDATE'S REQUESTS"), rows)


def _step(stage: Stage) -> str:
    return f"{stage.step}.{stage.block + 1}" if stage.block else str(stage.step)


def _metrics(told: Told) -> str:
    rows = [_metric(one, told) for one in told.simulation.forecasts]
    heads = [f"{_points(rise)} FOUND" for rise in RISES]
    notes = ["Found: when half of the candidates that are so much worse from their first request on are rolled back."]
    if told.assumed:
        notes.append("* assumed: say --baseline METRIC=SHARE, or measure it with --prometheus.")
    head = ("METRIC", "STABLE", "TOLERATED", "ALPHA", "PASSES AFTER", "EVENTS", *heads, "SMALLEST FOUND")
    return "\n".join([table(head, rows), "", *notes])


def _metric(one: Forecast, told: Told) -> tuple[str, ...]:
    star = "*" if one.metric.name in told.assumed else ""
    return (
        one.metric.name,
        f"{percent(one.rate)}{star}",
        percent(most_tolerated(one.metric, one.rate)),
        percent(one.alpha),
        NONE if one.passed is None else _span(one.passed.after),
        NONE if one.passed is None else number(one.passed.events),
        *(_found(regression) for regression in one.regressions),
        NONE if one.smallest is None else f"{_points(one.smallest.rise)} (step {one.smallest.step})",
    )


def _found(one: Regression) -> str:
    if one.found_after is not None:
        return _span(one.found_after)
    if one.tolerated:
        return "tolerated"
    if one.decision is Decision.COMPARED:
        return "not found"
    return "promoted" if one.decision is Decision.PROMOTED else "not promoted"


def _points(rise: float) -> str:
    return f"+{100 * rise:.3g} points"


def _by_step(steps: Sequence[StepForecast], interval: timedelta) -> str:
    def after(ticks: int | None) -> str:
        return NONE if ticks is None else _span(ticks * interval)

    rows = [
        (
            one.metric,
            str(one.step),
            f"{one.weight}%",
            number(one.events),
            after(one.passes),
            *(after(ticks) for _, ticks in one.found),
            NONE if one.smallest is None else _points(one.smallest),
        )
        for one in steps
    ]
    heads = [f"{_points(rise)} FOUND" for rise in RISES]
    head = ("METRIC", "STEP", "WEIGHT", "CANDIDATE'S EVENTS", "PASSES AFTER", *heads, "SMALLEST FOUND")
    return "\n".join(["Each step by itself, without what the steps before it tell:", "", table(head, rows)])


def _conclusion(told: Told) -> str:
    simulation = told.simulation
    if told.problems:
        return "\n".join(f"Hopeless: {field_name(problem.path)}: {problem.text}" for problem in told.problems)
    whole = _span(simulation.healthy.lasted)
    slow = [leg for leg in simulation.healthy.legs if _is_late(leg)]
    late = "".join(
        f" Step {_step(leg.stage)} waits for the evidence: it lasts {_span(leg.until - leg.since)}, not its hold of "
        f"{format_duration(leg.stage.hold or timedelta(0))}."
        for leg in slow
    )
    proven = f"Evidence promotes {percent(simulation.proven)} of candidates as good as stable"
    return f"{proven}, half of them within {whole}.{late}"


def _is_late(leg: Leg) -> bool:
    return bool(leg.stage.hold) and leg.until - leg.since > (leg.stage.hold or timedelta(0))


def _span(span: timedelta) -> str:
    return format_duration(timedelta(seconds=round(span.total_seconds())))


def as_json(told: Told) -> dict[str, Any]:
    """Everything about it; times in seconds, shares and rises as fractions."""
    simulation = told.simulation
    plan, healthy = simulation.plan, simulation.healthy
    return {
        "hopeless": bool(told.problems),
        "problems": [
            {"rule": problem.rule, "field": field_name(problem.path), "advice": problem.text}
            for problem in told.problems
        ],
        "decision": str(healthy.ending.decision),
        "promotedByEvidence": simulation.proven,
        "seconds": healthy.lasted.total_seconds(),
        "requestsPerSecond": plan.traffic.requests,
        "intervalSeconds": plan.analysis.interval.total_seconds(),
        "budget": plan.budget.to_dict(),
        "steps": [
            {
                "step": leg.stage.step,
                "block": leg.stage.block,
                "kind": str(leg.stage.kind),
                "weight": leg.stage.weight,
                "mirror": leg.stage.mirror,
                "holdSeconds": None if leg.stage.hold is None else leg.stage.hold.total_seconds(),
                "seconds": (leg.until - leg.since).total_seconds(),
                "ticks": leg.ticks,
                "requests": leg.requests,
            }
            for leg in healthy.legs
        ],
        "metrics": [_metric_as_json(one, told) for one in simulation.forecasts],
        "notForecast": list(simulation.unknown),
        "byStep": [
            {
                "metric": one.metric,
                "step": one.step,
                "weight": one.weight,
                "ticks": one.ticks,
                "events": one.events,
                "ticksToPass": one.passes,
                "ticksToFail": [{"rise": rise, "ticks": ticks} for rise, ticks in one.found],
                "smallestRise": one.smallest,
            }
            for one in simulation.steps
        ],
    }


def _metric_as_json(one: Forecast, told: Told) -> dict[str, Any]:
    return {
        "name": one.metric.name,
        "stable": one.rate,
        "assumed": one.metric.name in told.assumed,
        "tolerated": most_tolerated(one.metric, one.rate),
        "alpha": one.alpha,
        "eventsPerSecond": told.simulation.plan.traffic.streams[one.metric.name].events,
        "passes": None
        if one.passed is None
        else {"afterSeconds": one.passed.after.total_seconds(), "candidateEvents": one.passed.events},
        "regressions": [
            {
                "rise": regression.rise,
                "tolerated": regression.tolerated,
                "foundAfterSeconds": None if regression.found_after is None else regression.found_after.total_seconds(),
                "decision": str(regression.decision),
            }
            for regression in one.regressions
        ],
        "smallestFound": None if one.smallest is None else {"rise": one.smallest.rise, "step": one.smallest.step},
    }

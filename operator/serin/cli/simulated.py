"""What a rollout would take: how long its steps last, when its metrics pass, and what a worse candidate would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from serin.api.spec import AnalysisMetric, MetricKind
from serin.cli.chance import Leg, Passed, Plan, Run, Traffic, Worse, run, typical
from serin.cli.course import Decision
from serin.cli.problems import UnusableInputError
from serin.cli.target import Target
from serin.judge import forecast, freeze
from serin.judge.budget import alpha_of

RISES = (0.005, 0.02, 0.1)
"""Of the regressions that are tried, in points as a share."""
HEALTHY, _WORSE = 15, 7
"""So many rollouts of each candidate are tried: what is told is the middle one's."""


@dataclass(frozen=True)
class Regression:
    """A candidate that is worse by so many points: when half of its rollouts are rolled back, if they are.

    tolerated: the user's limit allows it.
    """

    rise: float
    tolerated: bool
    found_after: timedelta | None
    decision: Decision


@dataclass(frozen=True)
class Smallest:
    """The smallest rise that is found, and in which step."""

    rise: float
    step: int


@dataclass(frozen=True)
class Forecast:
    """One metric in the rollout.

    alpha: its share of the chance of a false rollback. passed: of a candidate as good as stable.
    smallest: the smallest rise of the candidate's rate over stable's that the step which tells most finds by itself.
    """

    metric: AnalysisMetric
    rate: float
    alpha: float
    passed: Passed | None
    regressions: tuple[Regression, ...]
    smallest: Smallest | None


@dataclass(frozen=True)
class StepForecast:
    """One metric in one step by itself, without what was known before it. Ticks; None: not within the step."""

    metric: str
    step: int
    weight: int
    ticks: int
    events: float
    passes: int | None
    found: tuple[tuple[float, int | None], ...]
    smallest: float | None


@dataclass(frozen=True)
class Simulation:
    """What is known of a rollout before it is made.

    healthy: the typical rollout of a candidate as good as stable. proven: the share of such that evidence promotes.
    steps: what each can tell by itself, if that is wanted.
    unknown: metrics of which nothing can be said before.
    """

    plan: Plan
    healthy: Run
    proven: float
    forecasts: tuple[Forecast, ...]
    steps: tuple[StepForecast, ...]
    unknown: tuple[str, ...]


def shares_of(target: Target) -> tuple[AnalysisMetric, ...]:
    """The metrics that can be forecast: how much a mean or a gauge will scatter is not known beforehand.

    Raises:
        UnusableInputError: there is none.
    """
    shares = tuple(metric for metric in target.analysis.metrics if metric.kind is MetricKind.SHARE)
    if not shares:
        raise UnusableInputError(
            f"{target.document.title} has no metric that is a share of events, and how much others scatter is not "
            "known beforehand: serin replay tries them on the past"
        )
    return shares


def plan_of(target: Target, traffic: Traffic) -> Plan:
    """The rollout, judged by its shares alone; the budget is that of all metrics."""
    budget = freeze(target.analysis, steps=target.plan.blocks)
    analysis = target.analysis.model_copy(update={"metrics": shares_of(target)})
    return Plan(analysis, target.plan, budget, traffic)


def healthy_run(plan: Plan) -> Run:
    """The typical rollout of a candidate as good as stable, alone."""
    return typical(run(plan, [None] * HEALTHY))


def simulated(target: Target, plan: Plan, *, tells_steps: bool) -> Simulation:
    """Try candidates that are as good as stable, and worse ones.

    tells_steps: tell as well what each step can tell by itself.
    """
    worse = [Worse(metric.name, rise) for metric in plan.analysis.metrics for rise in RISES]
    runs = run(plan, [None] * HEALTHY + [one for one in worse for _ in range(_WORSE)])
    healthy, others = runs[:HEALTHY], runs[HEALTHY:]
    middle = typical(healthy)
    forecasts = tuple(
        Forecast(
            metric=metric,
            rate=plan.traffic.streams[metric.name].rate,
            alpha=alpha_of(metric, plan.analysis, plan.budget),
            passed=_passed(metric, healthy),
            regressions=tuple(_regression(plan, metric, rise, others) for rise in RISES),
            smallest=_smallest(plan, metric, middle),
        )
        for metric in plan.analysis.metrics
    )
    return Simulation(
        plan=plan,
        healthy=middle,
        proven=sum(one.is_proven for one in healthy) / len(healthy),
        forecasts=forecasts,
        steps=by_step(plan, middle) if tells_steps else (),
        unknown=tuple(metric.name for metric in target.analysis.metrics if metric.kind is not MetricKind.SHARE),
    )


def most_tolerated(metric: AnalysisMetric, rate: float) -> float:
    """The highest share of bad events that the user allows a candidate beside a stable version of this rate."""
    return metric.limit if metric.limit is not None else (1.0 + metric.slack) * rate + metric.tolerance


def _passed(metric: AnalysisMetric, healthy: Sequence[Run]) -> Passed | None:
    """In the middle of the rollouts; None if half of them never pass."""
    known = sorted((one.passed[metric.name] for one in healthy if metric.name in one.passed), key=lambda one: one.after)
    middle = len(healthy) // 2
    return known[middle] if middle < len(known) else None


def _regression(plan: Plan, metric: AnalysisMetric, rise: float, runs: Sequence[Run]) -> Regression:
    rate = plan.traffic.streams[metric.name].rate
    tolerated = rate + rise <= most_tolerated(metric, rate) + 1e-12
    tried = [one for one in runs if one.worse == Worse(metric.name, rise)]
    middle = sorted(tried, key=lambda one: (one.found_after is None, one.lasted))[len(tried) // 2]
    return Regression(rise, tolerated, middle.found_after, middle.ending.decision)


def _smallest(plan: Plan, metric: AnalysisMetric, healthy: Run) -> Smallest | None:
    """By the step that tells the most of a difference."""
    judged = [leg for leg in healthy.legs if leg.stage.is_judged]
    best = max(judged, key=lambda leg: leg.ticks * leg.stage.reaches * (100 - leg.stage.weight), default=None)
    if best is None:
        return None
    rise = _smallest_rise(plan, metric, best)
    return None if rise is None else Smallest(rise, best.stage.step)


def _smallest_rise(plan: Plan, metric: AnalysisMetric, leg: Leg) -> float | None:
    rate = plan.traffic.streams[metric.name].rate
    of = step_plan(plan, metric, leg.stage.weight, mirror=leg.stage.mirror)
    found = forecast.smallest_regression(of, baseline_rate=rate, within_ticks=leg.ticks)
    return None if found is None else found - rate


def by_step(plan: Plan, healthy: Run) -> tuple[StepForecast, ...]:
    """What each step can tell by itself."""
    seconds = plan.analysis.interval.total_seconds()
    forecasts = []
    for metric in plan.analysis.metrics:
        stream = plan.traffic.streams[metric.name]
        for leg in healthy.legs:
            if not leg.stage.is_judged or not leg.ticks:
                continue
            of = step_plan(plan, metric, leg.stage.weight, mirror=leg.stage.mirror)
            found = tuple(
                (rise, _ticks_to_fail(of, stream.rate, min(1.0, stream.rate + rise), leg.ticks)) for rise in RISES
            )
            forecasts.append(
                StepForecast(
                    metric=metric.name,
                    step=leg.stage.step,
                    weight=leg.stage.weight,
                    ticks=leg.ticks,
                    events=stream.events * seconds * leg.stage.reaches / 100 * leg.ticks,
                    passes=forecast.ticks_to_pass(of, baseline_rate=stream.rate, most_ticks=leg.ticks),
                    found=found,
                    smallest=_smallest_rise(plan, metric, leg),
                )
            )
    return tuple(forecasts)


def step_plan(plan: Plan, metric: AnalysisMetric, weight: int, *, mirror: int = 0) -> forecast.Plan:
    """One metric at one weight, and with copies of so many percent of the requests."""
    events = plan.traffic.streams[metric.name].events * plan.analysis.interval.total_seconds()
    analysis = plan.analysis.model_copy(update={"metrics": (metric,)})
    return forecast.Plan(metric, analysis, plan.budget, events * (weight + mirror) / 100, events * (1 - weight / 100))


def _ticks_to_fail(of: forecast.Plan, baseline: float, candidate: float, most: int) -> int | None:
    return forecast.ticks_to_fail(of, baseline_rate=baseline, candidate_rate=candidate, most_ticks=most)

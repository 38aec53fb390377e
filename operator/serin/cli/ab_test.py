"""What an A/B test takes, before it starts: `serin simulate` and `serin lint` of a manifest that has one."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from serin.api.ab_test import ABTest
from serin.api.base import format_duration
from serin.cli.chance import Traffic
from serin.cli.findings import field_name
from serin.cli.hopeless import Problem, rounded_up
from serin.cli.manifests import FieldPath
from serin.cli.output import table
from serin.cli.target import Target
from serin.judge.ab_test import ABTestPlan, ab_test_plan
from serin.judge.design import Design, Requests, design
from serin.judge.words import number, percent, points

AB_TEST: FieldPath = ("spec", "strategy", "abTest")
_HALVINGS = 40
_FEW_TICKS = 50
_MANY_TICKS = 20_000


@dataclass(frozen=True)
class ABForecast:
    """One test.

    events: of both versions together, a second. rate: stable's share of counted events. found: None if there is no room
    for such an improvement.
    """

    test: ABTest
    plan: ABTestPlan
    interval: timedelta
    events: float
    rate: float
    found: Design | None

    def lasts(self, requests: Requests) -> timedelta:
        """How long it takes until so many events were counted."""
        return timedelta(seconds=requests.total / self.events)


def forecast_of(target: Target, test: ABTest, traffic: Traffic) -> ABForecast:
    """At the traffic that is given or was measured."""
    plan = ab_test_plan(test, target.analysis)
    stream = traffic.streams[plan.metric.name]
    rate = 1.0 - stream.rate if plan.terms.higher_is_better else stream.rate
    found = design(plan.terms, rate=rate, share=plan.share)
    return ABForecast(test, plan, target.analysis.interval, stream.events, rate, found)


def ab_problems(forecast: ABForecast) -> list[Problem]:
    """Why it would find nothing, and what to write instead."""
    name, longest = forecast.plan.metric.name, forecast.test.max_duration
    if forecast.found is None:
        return [
            Problem(
                "ab-test-without-room",
                (*AB_TEST, "goal", "minimumEffect"),
                f"stable has {percent(forecast.rate)} of {name}, and there is no room for an improvement of "
                f"{_effect(forecast)}: write a smaller one",
                name,
            )
        ]
    needed = forecast.lasts(forecast.found.needed)
    if needed <= longest:
        return []
    smallest = _smallest(forecast)
    smaller = f", or minimumEffect to {smallest}" if smallest else ""
    return [
        Problem(
            "ab-test-too-short",
            (*AB_TEST, "maxDuration"),
            f"at {forecast.events:.3g} events/s of {name} an improvement of {_effect(forecast)} needs "
            f"{number(forecast.found.needed.candidate)} of the candidate's events and {_span(needed)}, and maxDuration "
            f"is {format_duration(longest)}: raise maxDuration to at least {_span(needed)}{smaller}",
            name,
        )
    ]


def _smallest(forecast: ABForecast) -> str | None:
    """The smallest improvement that is found in time, as it is written; None if there is none below the whole."""
    effect, terms = forecast.test.goal.minimum_effect, forecast.plan.terms

    def in_time(times: float) -> bool:
        wider = replace(terms, absolute=terms.absolute * times, relative=terms.relative * times)
        found = design(wider, rate=forecast.rate, share=forecast.plan.share)
        return found is not None and forecast.lasts(found.needed) <= forecast.test.max_duration

    largest = next((times for times in (1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0) if in_time(times)), None)
    if largest is None:
        return None
    low, high = 1.0, largest
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if in_time(middle) else (middle, high)
    if effect.absolute is not None:
        return f'absolute: "{_up(100 * effect.absolute * high):g}%"'
    return f'relative: "{_up(100 * (effect.relative or 0.0) * high):g}%"'


def _up(value: float) -> float:
    """To two digits, never down."""
    rounded = float(f"{value:.2g}")
    return rounded if rounded >= value else float(f"{value * 1.05:.2g}")


def _effect(forecast: ABForecast) -> str:
    terms = forecast.plan.terms
    sign = 1.0 if terms.higher_is_better else -1.0
    words = points(sign * terms.effect(forecast.rate))
    return f"{words} ({percent(terms.relative)} of stable's share)" if terms.relative else words


def _span(span: timedelta) -> str:
    return format_duration(rounded_up(span))


def notes(forecast: ABForecast) -> list[str]:
    """What speaks against the way it is looked at, though it may find something."""
    ticks = forecast.test.max_duration / forecast.interval
    needed = forecast.lasts(forecast.found.needed) / forecast.interval if forecast.found else _FEW_TICKS
    found = []
    if needed < _FEW_TICKS:
        found.append(
            f"It would be decided in {max(1, round(needed))} ticks: below {_FEW_TICKS} the power is less than told; "
            "write a shorter analysis.interval."
        )
    if ticks > _MANY_TICKS:
        found.append(
            f"Its {number(ticks)} ticks are read again after each restart of the operator: write a longer "
            "analysis.interval, such as 5m."
        )
    return found


def ab_text(forecast: ABForecast, problems: list[Problem], *, assumed: bool) -> str:
    """For people."""
    found, goal, metric = forecast.found, forecast.test.goal, forecast.plan.metric
    star = " (assumed: say --baseline)" if assumed else ""
    counted = "good" if forecast.plan.terms.higher_is_better else "bad"
    about = (
        f"A/B test of {metric.name}: stable has {percent(forecast.rate)} {counted} ones{star}, an improvement of "
        f"{_effect(forecast)} is sought, significance {goal.significance:g}, power {goal.power:g}. At "
        f"{forecast.events:.4g} events/s {percent(forecast.plan.share)} are the candidate's."
    )
    parts = [about]
    if found is not None:
        rows = [
            (name, number(requests.candidate), number(requests.stable), _span(forecast.lasts(requests)))
            for name, requests in (
                ("so much better: found with that power by", found.needed),
                ("so much better: half are found by", found.typical_win),
                ("no better: half are given up by", found.typical_end),
                ("a test of fixed size, with one look", found.fixed),
            )
        ]
        parts.append(table(("A TEST OF ONE THAT IS", "CANDIDATE'S EVENTS", "STABLE'S EVENTS", "TAKES"), rows))
    parts += notes(forecast)
    if problems:
        parts += [f"Hopeless: {field_name(problem.path)}: {problem.text}" for problem in problems]
    else:
        parts.append(f"maxDuration ({format_duration(forecast.test.max_duration)}) is enough.")
    return "\n\n".join(parts)


def ab_json(forecast: ABForecast, problems: list[Problem]) -> dict[str, Any]:
    """For programs; times in seconds, shares as fractions."""
    found = forecast.found

    def told(requests: Requests) -> dict[str, float]:
        seconds = round(forecast.lasts(requests).total_seconds())
        return {"candidate": requests.candidate, "stable": requests.stable, "seconds": seconds}

    sizes = {} if found is None else {
        "needed": told(found.needed),
        "typicalWin": told(found.typical_win),
        "typicalEnd": told(found.typical_end),
        "fixedSize": told(found.fixed),
    }  # fmt: skip
    return {
        "hopeless": bool(problems),
        "problems": [
            {"rule": problem.rule, "field": field_name(problem.path), "advice": problem.text} for problem in problems
        ],
        "abTest": {
            "metric": forecast.plan.metric.name,
            "stable": forecast.rate,
            "sought": None if found is None else found.sought,
            "share": forecast.plan.share,
            "eventsPerSecond": forecast.events,
            **sizes,
        },
    }

"""How many of the candidate's requests a verdict takes, by the forecast that `serin simulate` asks, too."""

from serin.api.analysis import Analysis
from serin.judge import freeze
from serin.judge.forecast import Plan, ticks_to_fail, ticks_to_pass
from serin.judge.words import number, percent

RATES = (0.0, 0.005, 0.01, 0.04, 0.1)
TOLERANCES = (0.005, 0.01, 0.02, 0.05)
RISES = (0.02, 0.1)
"""Faults, found beside the rate of FOUND_AT and a tolerance of a quarter of them."""
FOUND_AT = 0.01
_STABLE = 3
"""Stable's events for each of the candidate's: a quarter of the traffic."""
_MOST_TICKS = 400


def table() -> str:
    """Until half of the healthy rollouts pass, by stable's rate and what is tolerated; and until a fault is found."""
    head = " | ".join(f"tolerance {percent(tolerance)}" for tolerance in TOLERANCES)
    rows = [f"| stable's share of bad events | {head} |", f"|---|{'---|' * len(TOLERANCES)}"]
    for rate in RATES:
        cells = " | ".join(_until_passed(rate, tolerance) for tolerance in TOLERANCES)
        rows.append(f"| {percent(rate)} | {cells} |")
    found = " and ".join(f"{_until_failed(rise)} for {rise * 100:g} points more" for rise in RISES)
    return "\n".join([*rows, "", f"To *find* a fault takes fewer: with stable at {percent(FOUND_AT)}, about {found}."])


def _until_passed(rate: float, tolerance: float) -> str:
    # Small enough ticks that `confirm` of them are not what it takes.
    tick = max(3.0, 0.4 / tolerance, 12 * (rate + tolerance) / tolerance**2 / 40)
    ticks = ticks_to_pass(_plan(tolerance, tick), baseline_rate=rate, most_ticks=_MOST_TICKS)
    return _count(ticks, tick)


def _until_failed(rise: float) -> str:
    tick = 0.4 / rise
    plan = _plan(rise / 4, tick)
    return _count(
        ticks_to_fail(plan, baseline_rate=FOUND_AT, candidate_rate=FOUND_AT + rise, most_ticks=_MOST_TICKS), tick
    )


def _plan(tolerance: float, tick: float) -> Plan:
    analysis = Analysis.model_validate(
        {"metrics": [{"name": "error-rate", "maxIncrease": {"absolute": f"{tolerance * 100:g}%"}}]}
    )
    return Plan(analysis.metrics[0], analysis, freeze(analysis, steps=3), tick, _STABLE * tick)


def _count(ticks: int | None, tick: float) -> str:
    """To two digits: more would be chance."""
    return "-" if ticks is None else number(float(f"{ticks * tick:.2g}"))

"""The table of `judge.py`, and the page of the documentation around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from judge_worlds import World

SERIN = "Serin"


@dataclass(frozen=True)
class Row:
    """One judge in one world. wrongly, rightly, promoted and paused are shares of all rollouts; bad is in requests.

    minutes: the median, of a good candidate until it is promoted, of a bad one from its onset until it is rolled back.
    """

    world: World
    judge: str
    wrongly: float
    rightly: float
    promoted: float
    paused: float
    minutes: float | None
    bad: float


def table(rows: Sequence[Row]) -> str:
    """One row for each judge in each world."""
    lines = [
        "| world | judge | rolled back, wrongly | rightly | promoted | paused | minutes, median | bad requests |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for world, group in groupby(rows, key=lambda row: row.world):
        for index, row in enumerate(group):
            title = f"**{world.name}**" if index == 0 else ""
            lines.append(f"| {title} | {row.judge} | {_numbers(row)} |")
    return "\n".join(lines) + "\n"


def _numbers(row: Row) -> str:
    bad = row.world.onset is not None
    wrongly = percent(row.wrongly) if not bad or row.world.onset else "-"
    told = (wrongly, percent(row.rightly) if bad else "-", percent(row.promoted), percent(row.paused))
    minutes = "-" if row.minutes is None else f"{row.minutes:g}"
    return " | ".join((*told, minutes, f"{row.bad:,.0f}" if bad else "-"))


def percent(share: float) -> str:
    """A share to a tenth of a percent, or a hundredth below one: so that 1 of 2,000 is seen."""
    return f"{share * 100:.0f} %" if share in {0.0, 1.0} else f"{share * 100:.{2 if share < 0.01 else 1}f} %"


def promise(rows: Sequence[Row]) -> str:
    """What the numbers say of the promise."""
    kept = [row.wrongly for row in rows if row.judge == SERIN and row.world.promised]
    others = sorted({row.judge for row in rows} - {SERIN})
    average = ", ".join(f"{percent(_average(rows, judge))} by the {judge}" for judge in others)
    (found,) = (row for row in rows if row.judge == SERIN and row.world.name == "errors +2 points")
    return (
        f"Of healthy rollouts whose failures are independent, {SERIN} rolls back {percent(sum(kept) / len(kept))} on "
        f"average over the worlds, and {percent(max(kept))} in the worst of them; promised are at most 5 %. On the "
        f"same average, {average}. Two points more errors at 50 requests/s are found in a median of {found.minutes:g} "
        "minutes.\n"
    )


def _average(rows: Sequence[Row], judge: str) -> float:
    wrongly = [row.wrongly for row in rows if row.judge == judge and row.world.promised]
    return sum(wrongly) / len(wrongly)


def page(text: str, *, rollouts: int, seed: int) -> str:
    """The page: what was simulated, what came out, and how to do it again."""
    return f"""# How the judge fares

`benchmarks/judge.py` wrote this page. It simulates whole rollouts, each by its real decision procedure, and lets five
judges decide about them; {rollouts:,} rollouts for each judge in each world. Do it again with

```console
$ make benchmark NAME=judge FLAGS="--rollouts {rollouts} --seed {seed} --output docs/concepts/judging-benchmark.md"
```

## What is simulated

A look every minute, for up to an hour; weights of 5, 25 and 50 %, each for at least ten minutes; requests arrive by
chance (Poisson), 50 a second unless the world says otherwise; four metrics:

| metric | a good model's share | Serin is told | a threshold is set to |
|---|---|---|---|
| failed requests | 1 % | `maxIncrease: {{absolute: "0.25%"}}` | 2 % |
| requests slower than 250 ms | 3 % | `threshold: 250ms` (the 95th percentile, so at most 5 %) | 5 % |
| wrong predictions, of the fifth whose label is known | 8 % | `delta: "0.75%"` | 10 % |
| refused requests | 2 % | `maxIncrease: {{absolute: "0.5%", relative: "10%"}}` | 4 % |

Everything else of Serin is at its default. The others follow their documented rules and their code, with the
thresholds that somebody would choose who knows the good model's shares:

- **counter (Flagger)**: each tick, every metric against its threshold; a check that fails or finds no values halts the
  advance; the fifth rolls back.
- **analysis (Argo Rollouts)**: `failureLimit: 3`, `consecutiveErrorLimit: 4`, conditions for success and for failure,
  so that 0/0 is inconclusive and pauses.
- **z-test**: two proportions since the start, a look every tick, 5 % one-sided for each metric.
- **Mann-Whitney (Kayenta)**: the rates of single ticks of both versions compared by rank with 98 % confidence; judged
  every ten minutes; fails below a score of 75, or below 95 at the end.

In the overdispersed world each version's shares vary from tick to tick by a beta distribution (a + b = 200); in that
with bursts, bad events come twenty at a time. The shared outage is 30 points of errors and slow requests for six
minutes. At a cold start, 50 points of the candidate's requests are slow in the first minute and half as many in each
of the next three; who can be told of a warm-up is told of two minutes. Where Prometheus fails, 5 % of the looks are
not answered, and once six in a row.

**Paused** means that a person is asked: Serin after the hour, if nothing is certain and an estimate is beyond its
limit or a step has too few events. **Minutes** are those until a good candidate is promoted, or from the moment on
that a candidate is bad until it is rolled back. **Bad requests** are those that are bad only because the candidate
served them, within the hour: after a promotion it serves all of them.

## What came out

{text}
## What it costs, and what is not promised

- **Time.** A counter promotes after the last step whatever it has seen; Serin's last step goes on until every metric is
  shown to be within its limit, or the hour is over. With 50 requests/s of which a fifth gets a label, 0.75 points of
  accuracy take the hour; with 500, the thirty minutes of the steps suffice. `serin simulate` tells beforehand.
- **Very small regressions on quiet services.** A z-test sees them first, and turns most good candidates away with them.
- **Bursts and overdispersion.** Where failures come together, or vary more than chance lets them, evidence is tempered
  by how much they did, and the promise holds only about: see the two worlds above.
- It is a promise about rolling back, not about finding: a difference within the limits is not looked for.
"""

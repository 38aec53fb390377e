"""The table of `judge.py`, and the page of the documentation around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from judge_worlds import WORLDS, World

SERIN = "Serin"


@dataclass(frozen=True)
class Row:
    """One judge in one world. wrongly, rightly, promoted and paused are shares of all `rollouts`; bad is in requests.

    wrongly: rolled back while the candidate was good. rightly: while it was bad.
    minutes: the median, of a good candidate until it is promoted, of a bad one from its onset until it is rolled back.
    """

    world: World
    judge: str
    rollouts: int
    wrongly: float
    rightly: float
    promoted: float
    paused: float
    minutes: float | None
    bad: float


def table(rows: Sequence[Row]) -> str:
    """One row for each judge in each world."""
    lines = [
        "| world | judge | falsely rolled back | found | promoted or missed | paused | minutes | bad requests |",
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
    return " | ".join((*told, _minutes(row), f"{row.bad:,.0f}" if bad else "-"))


def _minutes(row: Row) -> str:
    return "-" if row.minutes is None else f"{row.minutes:g}"


def percent(share: float) -> str:
    """A share to a tenth of a percent, or a hundredth below one: so that 1 of 2,000 is seen."""
    return f"{share * 100:.0f} %" if share in {0.0, 1.0} else f"{share * 100:.{2 if share < 0.01 else 1}f} %"


def worlds() -> str:
    """What happens in each world."""
    lines = ["| world | what happens | promised |", "|---|---|---|"]
    lines += [f"| {world.name} | {world.about} | {'yes' if world.promised else '-'} |" for world in WORLDS]
    return "\n".join(lines) + "\n"


def promise(rows: Sequence[Row]) -> str:
    """What the numbers say of the promise."""
    kept = [row for row in rows if row.judge == SERIN and row.world.promised]
    wrong, all_of_them = sum(round(row.wrongly * row.rollouts) for row in kept), sum(row.rollouts for row in kept)
    others = dict.fromkeys(row.judge for row in rows if row.judge != SERIN)
    average = ", ".join(f"{judge} {percent(_average(rows, judge))}" for judge in others)
    (found,) = (row for row in rows if row.judge == SERIN and row.world.name == "errors +2 points")
    return (
        f"In the worlds that the promise covers, {SERIN} rolls back {wrong:,} of {all_of_them:,} healthy rollouts, "
        f"{percent(_average(rows, SERIN))}, and {percent(max(row.wrongly for row in kept))} in the worst of these "
        f"worlds; promised are at most 5 %. The others in the same worlds: {average}. Two points more errors at 50 "
        f"requests/s are found by {SERIN} in a median of {_minutes(found)} minutes, at a weight of 5 %.\n"
    )


def _average(rows: Sequence[Row], judge: str) -> float:
    wrongly = [row.wrongly for row in rows if row.judge == judge and row.world.promised]
    return sum(wrongly) / len(wrongly)


def page(rows: Sequence[Row], *, rollouts: int, seed: int) -> str:
    """The page: what was simulated, what came out, and how to do it again."""
    return f"""# How the judge fares

Does it keep its promise, and what does that cost? `benchmarks/judge.py` simulates whole rollouts and lets five judges
decide about them, {rollouts:,} rollouts for each judge in each world. It wrote this page, in less than ten minutes on
one core, and writes it again, number for number, with

```console
$ make benchmark NAME=judge FLAGS="--rollouts {rollouts} --seed {seed} --output docs/concepts/judging-benchmark.md"
```

{promise(rows)}
## What is simulated

A look every minute, for up to an hour; weights of 5, 25 and 50 %, each for at least ten minutes; requests arrive by
chance (Poisson), 50 a second for both versions together unless the world says otherwise, and each is bad by its own
chance. Before it begins there are thirty minutes of stable alone. Four metrics may roll back:

| metric | a good model's share | Serin is told | a threshold is set to |
|---|---|---|---|
| failed requests | 1 % | `maxIncrease: {{absolute: "0.25%"}}` | 2 % |
| requests slower than 250 ms | 3 % | `threshold: 250ms` (the 95th percentile, so at most 5 %) | 5 % |
| wrong predictions, of the fifth whose label is known | 8 % | `delta: "0.75%"` | 10 % |
| refused requests | 2 % | `maxIncrease: {{absolute: "0.5%", relative: "10%"}}` | 4 % |

**The worlds.** In those that are promised, no version is worse than the other and failures are independent.

{worlds()}
**The judges.** Of Serin the very code that the operator runs, everything but the limits at its default. The others are
written anew from their documentation and code, with thresholds that somebody would choose who knows what a good model
does: twice its share, or what the SLA says.

- **counter (Flagger)**: each tick, every metric against its threshold; a check that fails or finds no values halts the
  advance; the fifth rolls back.
- **analysis (Argo Rollouts)**: `failureLimit: 3`, `consecutiveErrorLimit: 4`, conditions for success and for failure,
  so that 0/0 is inconclusive and pauses.
- **z-test**: two proportions since the start, a look every tick, 5 % one-sided for each metric.
- **Mann-Whitney (Kayenta)**: the rates of single ticks of both versions compared by rank with 98 % confidence; judged
  every ten minutes; fails below a score of 75, or below 95 at the end.

## What came out

{table(rows)}
- **Falsely rolled back**: while the candidate was good. **Found**: rolled back while it was bad.
- **Promoted or missed**: promoted; where the candidate is bad, that is a miss.
- **Paused**: a person is asked. Serin does so after the hour, if nothing is certain and an estimate is beyond its limit
  or a step has too few events.
- **Minutes**, the median: of a good candidate until it is promoted; of a bad one that was found, from the moment it
  became bad.
- **Bad requests**, the mean: those that are bad only because the candidate served them, within the hour. After a
  promotion it serves all of them.

How sure these numbers are: where none of {rollouts:,} was rolled back, the true share is below {percent(3 / rollouts)}
(with 95 % confidence); a share near one half is known to {percent(1 / rollouts**0.5)} either way.

## What it shows

- **The promise holds, with much to spare.** It must hold for the worst healthy candidate at the worst traffic for ever;
  an hour of an ordinary one uses up little of it.
- **A threshold is a matter of traffic.** At 500 requests/s the counter is about right. At 50 it turns away nearly all
  good candidates, at 5 all: one failure among the candidate's fifteen requests of a minute is over the limit. Whoever
  raises the limits until that is rare, hardly finds two points any more.
- **Looking again and again costs.** A z-test that is right in 95 of 100 single looks turns away three good candidates
  out of four.
- **Seldom wrong can mean seldom right.** The Mann-Whitney judge is nearly as quiet as Serin, and finds the same faults
  after half an hour, at up to fifty times the bad requests, or not at all.
- **Missing data are no verdict.** The counter rolls back when Prometheus fails or no traffic comes, the analysis when
  five looks in a row fail; the z-test promotes what never got a request.

## What it costs, and what it does not show

- **Time.** A counter promotes after the last step whatever it has seen; Serin's last step goes on until every metric is
  shown to be within its limit, or the hour is over. With 50 requests/s of which a fifth gets a label, 0.75 points of
  accuracy take the hour; with 500, the thirty minutes of the steps suffice. `serin simulate` tells beforehand.
- **Small regressions take long.** Half a point of errors takes Serin 24 minutes, a counter 8; but that counter turns
  nearly every good candidate away as well, and as fast. One point of accuracy, a quarter of a point beyond what is
  allowed, is below what the labels of an hour can show: mostly a person is asked, and about one in four is promoted.
- **Quiet services** cannot be judged within the hour. At 0.2 requests/s nothing is rolled back, nothing promoted: a
  person is asked. Give such a service more time, wider limits, or more of the traffic.
- **Bursts and overdispersion.** Where failures come together, or vary more than chance lets them, evidence is tempered
  by how much they did, and the promise holds only approximately: see those two worlds. Stronger bursts than these were
  not tried.
- **A fault that comes and goes**, correlated clients, retries, and rates that change while one version's counts wait
  for the other's first event are not simulated. What is proved and what is not is on the page about
  [evidence](evidence.md).
- It is a promise about rolling back, not about finding: a difference within the limits is not looked for.
- The others are judged by one setting each, not by the best that an expert could make of them in each world, and by
  their rules as they were read, not by their programs.
"""

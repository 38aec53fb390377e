"""The evidence of all rollouts, as a table: one row is one process, a metric since the start or since the step.

All rows that are due in a tick are folded in one call, so that thousands of rollouts cost one pass of numpy. Rows are
a pure function of their terms and of the counts that were folded, in their order: a table that is filled again from the
same ticks is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from serin.judge.budget import SAFE_THRESHOLD, cap
from serin.judge.counts import Counts
from serin.judge.evidence import BETS, HARM, SAFE, Floats, against_baseline, against_limit, log_mean_exp

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
Table = NDArray[np.void]

WORST_SURPRISE = 100.0
"""One wild tick must not blunt the evidence for good: a squared surprise counts for at most this."""
_AT_ONCE = 0.5
_BIT_BY_BIT = 0.01
"""The part of the stake that is left and is bet anew at each tick: faults are looked for over hundreds of ticks."""
_BLOCK = 2048
"""So many rows are folded at once: what is computed of them stays in the processor's cache."""
_PRIOR = 8.0
"""So many ticks' worth of weight has the dispersion that was known before the first one."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a process holds the candidate to.

    slack: r, the relative increase over the baseline that is tolerated.
    tolerance: d, the absolute one.
    limit: tau, the highest tolerated rate; None compares with the baseline alone.
    alone: there is no baseline: the limit is all.
    threshold: log of the evidence that convicts.
    confirm: fewer ticks than these never convict, and never acquit.
    dispersion: how much more than chance the baseline's rate varied before, at least 1.
    restarts: the fault may begin at any tick: half of the stake is bet at once, the rest bit by bit, so that what was
        won or lost before a fault began does not hide it.
    detects: the evidence never falls below 1 and never rises above what convicts, so that a change after a long time
        without one is seen as fast as one at the start, and forgotten as fast (an e-detector; Shin, Ramdas & Rinaldo).
    """

    threshold: float
    slack: float = 0.0
    tolerance: float = 0.0
    limit: float | None = None
    alone: bool = False
    confirm: int = 3
    dispersion: float = 1.0
    restarts: bool = False
    detects: bool = False


_TERMS = np.dtype(
    [
        ("slack", "f8"),
        ("tolerance", "f8"),
        ("limit", "f8"),
        ("has_limit", "?"),
        ("alone", "?"),
        ("restarts", "?"),
        ("threshold", "f8"),
        ("cap", "f8"),
        ("safe_cap", "f8"),
        ("dispersion", "f8"),
        ("floor", "f8"),
        ("ceiling", "f8"),
    ]
)

_STATE = np.dtype(
    [
        ("harm", "f8", BETS),  # log evidence that the candidate is worse than the baseline
        ("over", "f8", BETS),  # that it is over the limit
        ("safe", "f8", BETS),  # that it is good enough
        ("ticks", "f8"),
        ("totals", "f8", 4),  # candidate total and bad, baseline total and bad
        ("stretch", "f8", 7),  # totals, information, effect and variance since something speaks against the candidate
        ("carry", "f8", 4),  # counts that wait for the other side's first event
        ("information", "f8"),  # sum of w, w = n_c n_b / (n_c + n_b)
        ("effect", "f8"),  # sum of w times the tick's difference
        ("variance", "f8"),  # sum of w times the variance of one event
        ("last_difference", "f8"),
        ("last_variance", "f8"),
        ("surprise", "f8"),  # sum of squared standardized successive differences
        ("differences", "f8"),  # how many there are
    ]
)


class Processes:
    """A table of processes that grows as rollouts begin and reuses the rows of those that ended."""

    def __init__(self) -> None:
        self._terms = np.zeros(0, _TERMS)
        self._state = np.zeros(0, _STATE)
        self._free: list[int] = []

    def open(self, terms: Terms) -> int:
        """A new process without any evidence; returns its row."""
        if not self._free:
            size = len(self._state)
            more = max(64, size)
            self._terms = np.concatenate([self._terms, np.zeros(more, _TERMS)])
            self._state = np.concatenate([self._state, np.zeros(more, _STATE)])
            self._free = list(range(size + more - 1, size - 1, -1))
        row = self._free.pop()
        self.restart(row, terms)
        return row

    def restart(self, row: int, terms: Terms) -> None:
        """Forget the evidence of a row and hold it to these terms from now on."""
        self._state[row] = np.zeros((), _STATE)
        if terms.restarts:
            self._state[row]["harm"] = self._state[row]["over"] = np.log(_AT_ONCE)
        # One bet alone must be able to convict: the mean over all takes log(BETS) away.
        detected = (0.0, terms.threshold + np.log(BETS)) if terms.detects else (-np.inf, np.inf)
        self._terms[row] = (
            terms.slack,
            terms.tolerance,
            terms.limit or 0.0,
            terms.limit is not None,
            terms.alone,
            terms.restarts,
            terms.threshold,
            cap(terms.threshold, BETS, terms.confirm),
            cap(SAFE_THRESHOLD, BETS, terms.confirm),
            max(1.0, terms.dispersion),
            *detected,
        )

    def close(self, rows: Sequence[int]) -> None:
        """These rows are free."""
        self._free.extend(rows)

    def fold(self, rows: Rows, counts: Floats) -> None:
        """Add one tick to each of these rows; a row may occur once.

        counts: shape (rows, 4): candidate total, candidate bad, baseline total, baseline bad. While a side has no event
            they are carried: without something to compare there is no evidence.
        """
        for begin in range(0, len(rows), _BLOCK):
            self._fold(rows[begin : begin + _BLOCK], counts[begin : begin + _BLOCK])

    def _fold(self, rows: Rows, counts: Floats) -> None:
        counts = counts + self._state["carry"][rows]
        ready = (counts[:, 0] > 0) & ((counts[:, 2] > 0) | self._terms["alone"][rows])
        self._state["carry"][rows] = np.where(ready[:, None], 0.0, counts)
        if ready.any():
            self._advance(rows[ready], counts[ready])

    def _advance(self, rows: Rows, counts: Floats) -> None:
        terms, state = self._terms.take(rows), self._state.take(rows)  # much faster than an index
        before = _dispersion(state, terms)
        _measure(state, terms, counts)
        grow = _Growth(terms, state, np.stack([before, _dispersion(state, terms)]))
        if terms["restarts"].any():
            _stake(state, terms["restarts"])
        compared, limited = ~terms["alone"], terms["has_limit"]
        free = compared & ~limited
        if compared.any():
            # The limit is the user's tolerance; beside it, any true excess over the baseline blames the candidate.
            slack = np.where(limited, 0.0, terms["slack"])[compared]
            grow("harm", compared, against_baseline(counts[compared], slack, np.zeros(len(slack)), HARM), "cap")
        if limited.any():
            total, bad, limit = counts[limited, 0], counts[limited, 1], terms["limit"][limited]
            grow("over", limited, against_limit(total, bad, limit, HARM), "cap")
            grow("safe", limited, against_limit(total, bad, limit, SAFE), "safe_cap")
        if free.any():
            slack, tolerance = terms["slack"][free], terms["tolerance"][free]
            grow("safe", free, against_baseline(counts[free], slack, tolerance, SAFE), "safe_cap")
        _stretch(state, terms, counts)
        _numbers(self._state)[rows] = _numbers(state)

    def read(self, rows: Rows) -> "Reading":
        """What these rows say now."""
        return Reading(self._terms.take(rows), self._state.take(rows))

    def samples(self, row: int) -> float:
        """The candidate's events of one row, those included that wait for one of the baseline's."""
        state = self._state[row]
        return float(state["totals"][0] + state["carry"][0])

    def tell(self, row: int) -> "Told":
        """What one row says now, in numbers for a person."""
        reading = self.read(np.array([row]))
        terms, state = reading.terms[0], reading.state[0]
        sums = (state["information"], state["effect"], state["variance"])
        stretch, jumps = state["stretch"], reading.dispersion[0]
        return Told(
            whole=_estimate(state["totals"], *sums, dispersion=jumps),
            stretch=_estimate(stretch[:4], *stretch[4:], dispersion=jumps),
            ticks=int(state["ticks"]),
            waiting=float(state["carry"][0]),
            limit=float(terms["limit"]) if terms["has_limit"] else None,
            alone=bool(terms["alone"]),
            harm=float(reading.harm[0]),
            over=float(reading.over[0]),
            safe=float(reading.safe[0]),
            threshold=float(terms["threshold"]),
            harm_bets=tuple(state["harm"].tolist()),
            over_bets=tuple(state["over"].tolist()),
            safe_bets=tuple(state["safe"].tolist()),
        )


def _numbers(state: Table) -> Floats:
    """The same memory as a matrix: numpy copies its rows several times faster than those of a table."""
    numbers: Floats = state.view(np.float64).reshape(len(state), -1)
    return numbers


def _estimate(totals: Floats, *sums: float, dispersion: float) -> "Estimate":
    information, effect, variance = (float(value) for value in sums)
    total_c, bad_c, total_b, bad_b = (float(value) for value in totals)
    return Estimate(
        candidate=Counts(bad_c, total_c),
        baseline=Counts(bad_b, total_b),
        difference=effect / information if information else 0.0,
        information=information,
        variance=variance,
        dispersion=float(dispersion),
    )


class _Growth:
    """Adds what a tick says to the log evidence, tempered by the dispersion before and after it, whichever says less.

    Before alone would be fooled by the first burst; after alone is no fair bet, for it knows the tick.
    """

    def __init__(self, terms: Table, state: Table, dispersions: Floats) -> None:
        self._terms, self._state = terms, state
        self._bounded = bool(np.isfinite(terms["ceiling"]).any())
        self._before, self._after = dispersions[:, :, None]

    def __call__(self, name: str, which: Flags, growth: Floats, cap: str) -> None:
        tempered = np.minimum(growth / self._before[which], growth / self._after[which])
        grown = self._state[name][which] + np.minimum(tempered, self._terms[cap][which, None])
        if self._bounded:
            grown = np.clip(grown, *(self._terms[bound][which, None] for bound in ("floor", "ceiling")))
        self._state[name][which] = grown


def _measure(state: Table, terms: Table, counts: Floats) -> None:
    """Count the tick, and how far it jumped."""
    total_c, bad_c, total_b, bad_b = counts.T
    compared = total_b > 0
    some_b = np.where(compared, total_b, 1.0)
    rate_c, rate_b = bad_c / total_c, bad_b / some_b
    pooled = (bad_c + bad_b) / (total_c + total_b)
    spread = pooled * (1.0 - pooled)
    difference = rate_c - np.where(compared, rate_b, 0.0)
    variance = spread * (1.0 / total_c + np.where(compared, 1.0 / some_b, 0.0))
    both = variance + state["last_variance"]
    jumped = (state["ticks"] > 0) & (both > 0)
    surprise = (difference - state["last_difference"]) ** 2 / np.where(jumped, both, 1.0)
    state["surprise"] += np.where(jumped, np.minimum(surprise, WORST_SURPRISE), 0.0)
    state["differences"] += jumped
    state["last_difference"], state["last_variance"] = difference, variance
    information = np.where(compared, total_c * total_b / (total_c + total_b), 0.0)
    state["information"] += information
    state["effect"] += information * (rate_c - (1.0 + terms["slack"]) * rate_b)
    state["variance"] += information * spread
    state["totals"] += counts
    state["ticks"] += 1.0


def _stake(state: Table, restarts: Flags) -> None:
    """Bet a bit of the stake that is left on a fault that begins with this tick.

    The evidence is the mean over all times at which the fault may have begun, by weights that sum to one, so it stays
    fair (Shiryaev 1963, Roberts 1966; as an e-process, Shin, Ramdas & Rinaldo 2024, "E-detectors"). Until a tick is the
    first, nothing is left out: the first bet is that of the start itself.
    """
    later = restarts & (state["ticks"] > 1)  # the tick is counted already
    number = state["ticks"][later] - 2.0
    bit = np.log((1.0 - _AT_ONCE) * _BIT_BY_BIT) + number * np.log1p(-_BIT_BY_BIT)
    for name in ("harm", "over"):
        state[name][later] = np.logaddexp(state[name][later], bit[:, None])


def _stretch(state: Table, terms: Table, counts: Floats) -> None:
    """Add the tick to the stretch in which something has spoken against the candidate, or end that stretch."""
    total_c, bad_c, total_b, bad_b = counts.T
    information = np.where(total_b > 0, total_c * total_b / (total_c + total_b), 0.0)
    difference = bad_c / total_c - (1.0 + terms["slack"]) * bad_b / np.where(total_b > 0, total_b, 1.0)
    pooled = (bad_c + bad_b) / (total_c + total_b)
    sums = [information, information * difference, information * pooled * (1.0 - pooled)]
    state["stretch"] += np.column_stack([counts, *sums])
    worse = terms["alone"] | (log_mean_exp(state["harm"]) > 0)
    over = ~terms["has_limit"] | (log_mean_exp(state["over"]) > 0)
    state["stretch"][~(worse & over)] = 0.0


def _dispersion(state: Table, terms: Table) -> Floats:
    """How much more than chance the difference jumps from tick to tick, at least 1.

    Successive differences: an outage that both share, or a lasting change, does not inflate it.
    """
    weighed = _PRIOR * terms["dispersion"] + state["surprise"]
    tempered: Floats = np.maximum(1.0, weighed / (_PRIOR + state["differences"]))
    return tempered


@dataclass(frozen=True)
class Reading:
    """Rows as they stood when they were read. Every property has shape (rows,)."""

    terms: Table
    state: Table

    @cached_property
    def harm(self) -> Floats:
        """Log evidence that the candidate is worse than the baseline."""
        return log_mean_exp(self.state["harm"])

    @cached_property
    def over(self) -> Floats:
        """Log evidence that the candidate is over its limit."""
        return log_mean_exp(self.state["over"])

    @cached_property
    def safe(self) -> Floats:
        """Log evidence that the candidate is good enough."""
        return log_mean_exp(self.state["safe"])

    @property
    def dispersion(self) -> Floats:
        """How much more than chance the difference jumps, at least 1."""
        return _dispersion(self.state, self.terms)

    @property
    def ticks(self) -> Floats:
        """How many ticks had something to say."""
        ticks: Floats = self.state["ticks"]
        return ticks

    @property
    def samples(self) -> Floats:
        """The candidate's events, those included that wait for an event of the baseline."""
        samples: Floats = self.state["totals"][:, 0] + self.state["carry"][:, 0]
        return samples

    @cached_property
    def difference(self) -> Floats:
        """The candidate's rate less (1 + slack) times the baseline's, weighed within ticks; 0 without data.

        Within ticks, because traffic and weights change between them (Simpson's paradox).
        """
        information = self.state["information"]
        some = np.where(information > 0, information, 1.0)
        difference: Floats = self.state["effect"] / some
        return difference

    @property
    def stretch_rate(self) -> Floats:
        """The candidate's rate since nothing spoke against it; 0 without such ticks."""
        return _share(self.state["stretch"][:, 1], self.state["stretch"][:, 0])

    @property
    def stretch_difference(self) -> Floats:
        """The difference since nothing spoke against the candidate; 0 without such ticks."""
        return _share(self.state["stretch"][:, 5], self.state["stretch"][:, 4])

    @cached_property
    def rate(self) -> Floats:
        """The candidate's rate; 0 without events."""
        return _share(self.state["totals"][:, 1], self.state["totals"][:, 0])

    @property
    def baseline_rate(self) -> Floats:
        """The baseline's rate; 0 without events."""
        return _share(self.state["totals"][:, 3], self.state["totals"][:, 2])


@dataclass(frozen=True, slots=True)
class Estimate:
    """Counts of some ticks, and the difference of the rates that they show.

    difference: the candidate's rate less (1 + slack) times the baseline's, weighed within ticks; 0 without information.
    information: the sum of w; variance: the sum of w times the variance of one event, see `_STATE`.
    """

    candidate: Counts
    baseline: Counts
    difference: float
    information: float
    variance: float
    dispersion: float


@dataclass(frozen=True, slots=True)
class Told:
    """One row, in numbers for a person.

    whole: all its ticks; stretch: those since something speaks against the candidate.
    waiting: events of the candidate that wait for one of the baseline.
    harm, over, safe: logs of the evidence; threshold: log of what convicts. *_bets: log evidence of each bet.
    """

    whole: Estimate
    stretch: Estimate
    ticks: int
    waiting: float
    limit: float | None
    alone: bool
    harm: float
    over: float
    safe: float
    threshold: float
    harm_bets: tuple[float, ...]
    over_bets: tuple[float, ...]
    safe_bets: tuple[float, ...]

    @property
    def conviction(self) -> float:
        """The share of the convicting evidence that is there, from 0 to 1: against a limit, both must be."""
        logs = [*([] if self.alone else [self.harm]), *([] if self.limit is None else [self.over])]
        return min(max(min(logs) / self.threshold, 0.0), 1.0)

    @property
    def acquittal(self) -> float:
        """The share of the acquitting evidence that is there, from 0 to 1."""
        return min(max(self.safe / SAFE_THRESHOLD, 0.0), 1.0)


def _share(bad: Floats, total: Floats) -> Floats:
    shares: Floats = bad / np.where(total > 0, total, 1.0)
    return shares

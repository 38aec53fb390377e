"""The evidence written once more, one formula a function, in floats and lists alone: to be read, not to be fast.

It is what `serin.judge.evidence` and `serin.judge.processes` must equal. The letters are the page's: n events, x bad
ones, of the candidate (c) and of the baseline (b); r and d are what is tolerated, tau is a limit, rho a bet ratio.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from math import exp, log, log1p, sqrt

ACCUSE = (1.05, 1.1, 1.25, 1.75, 3.0, 8.0)
ACQUIT = tuple(1.0 / rho for rho in ACCUSE)
BETA = 0.05


@dataclass(frozen=True)
class Seen:
    """The counts of one tick."""

    n_c: float
    x_c: float
    n_b: float
    x_b: float

    def __add__(self, other: "Seen") -> "Seen":
        return Seen(self.n_c + other.n_c, self.x_c + other.x_c, self.n_b + other.n_b, self.x_b + other.x_b)

    @property
    def rate_c(self) -> float:
        """p_c; 0 without events."""
        return self.x_c / self.n_c if self.n_c else 0.0

    @property
    def rate_b(self) -> float:
        """p_b; 0 without events."""
        return self.x_b / self.n_b if self.n_b else 0.0

    @property
    def w(self) -> float:
        """How much a difference of these rates tells."""
        return self.n_c * self.n_b / (self.n_c + self.n_b) if self.n_b else 0.0

    @property
    def pooled(self) -> float:
        """pbar."""
        return (self.x_c + self.x_b) / (self.n_c + self.n_b)

    @property
    def v(self) -> float:
        """The variance of D = p_c - p_b by chance."""
        return self.pooled * (1.0 - self.pooled) * (1.0 / self.n_c + (1.0 / self.n_b if self.n_b else 0.0))


NOTHING = Seen(0.0, 0.0, 0.0, 0.0)


def start_threshold(alpha: float) -> float:
    """T of the process since the start."""
    return log(1.0 / (0.75 * alpha))


def step_threshold(alpha: float, steps: int) -> float:
    """T of the process of one step out of J."""
    return log(steps / (0.25 * alpha))


def safe_threshold() -> float:
    """T of what acquits."""
    return log(2.0 / BETA)


def cap(threshold: float, confirm: int) -> float:
    """The most that a bet gains in a tick."""
    clear = (threshold + log(6.0)) / confirm
    return clear if confirm == 1 else min(clear, 0.999 * threshold / (confirm - 1))


def share(seen: Seen, r: float) -> float:
    """W: where a bad event would be found, were the candidate exactly (1 + r) times as bad."""
    return (1.0 + r) * seen.n_c / ((1.0 + r) * seen.n_c + seen.n_b)


def gain_candidate(rho: float, w: float) -> float:
    """What g bet on the candidate becomes."""
    return rho / (1.0 + w * (rho - 1.0))


def gain_baseline(rho: float, w: float) -> float:
    """What h bet on the baseline becomes; w g + (1 - w) h = 1."""
    return 1.0 / (1.0 + w * (rho - 1.0))


def lowest_baseline_rate(seen: Seen, r: float, d: float) -> float:
    """p0b: a rate that the baseline is hardly below."""
    m = (1.0 + r) * seen.n_c + seen.n_b
    q = min(max((seen.x_c + seen.x_b - seen.n_c * d) / m, 0.0), 1.0)
    return max(0.0, q - 3.0 * sqrt((q + 1.0 / m) / m))


def compared(seen: Seen, rho: float, *, r: float, d: float) -> float:
    """l_rho against the baseline."""
    w = share(seen, r)
    g, h = gain_candidate(rho, w), gain_baseline(rho, w)
    p0b = lowest_baseline_rate(seen, r, d)
    p0c = min(1.0, (1.0 + r) * p0b + d)
    won = seen.x_c * log(g) + seen.x_b * log(h)
    return won - seen.n_c * log1p(p0c * (g - 1.0)) - seen.n_b * log1p(p0b * (h - 1.0))


def limited(seen: Seen, rho: float, *, tau: float) -> float:
    """l_rho against a limit."""
    return seen.x_c * log(rho) - seen.n_c * log1p(tau * (rho - 1.0))


def mean_evidence(logs: Sequence[float]) -> float:
    """log E, E the mean over the bets, by log-sum-exp."""
    return log_sum(logs) - log(len(logs))


def log_sum(logs: Sequence[float]) -> float:
    """Of evidence that is held as logs, so that none is too large for a float."""
    highest = max(logs)
    return highest + log(sum(exp(each - highest) for each in logs))


def stake(tick: int) -> float:
    """The part that is bet on a fault that begins with this tick, from 1 on: half at once, then 1 % of what is left."""
    return 0.5 if tick == 1 else 0.5 * 0.01 * 0.99 ** (tick - 2)


@dataclass(frozen=True)
class Weighed:
    """Ticks, summed: their counts, and their differences weighed within ticks by w = n_c n_b / (n_c + n_b)."""

    seen: Sequence[Seen]
    r: float

    @property
    def totals(self) -> Seen:
        """All counts."""
        return reduce(Seen.__add__, self.seen, NOTHING)

    @property
    def rate(self) -> float:
        """The candidate's."""
        return self.totals.rate_c

    @property
    def information(self) -> float:
        """The sum of w."""
        return sum(each.w for each in self.seen)

    @property
    def variance(self) -> float:
        """The sum of w pbar (1 - pbar)."""
        return sum(each.w * each.pooled * (1.0 - each.pooled) for each in self.seen)

    @property
    def difference(self) -> float:
        """est."""
        effect = sum(each.w * (each.rate_c - (1.0 + self.r) * each.rate_b) for each in self.seen)
        return effect / self.information if self.information else 0.0


@dataclass
class Page:
    """One process: one metric, since the start or since the step. tau: the limit; without, the baseline is all.

    stretch: the ticks since something speaks against the candidate. gains: of each bet in each tick so far.
    """

    threshold: float
    confirm: int
    r: float = 0.0
    d: float = 0.0
    tau: float | None = None
    alone: bool = False
    phi0: float = 1.0
    restarts: bool = False
    detects: bool = False
    carry: Seen = NOTHING
    seen: list[Seen] = field(default_factory=list)
    stretch: list[Seen] = field(default_factory=list)
    harm_gains: list[list[float]] = field(default_factory=lambda: [[] for _ in ACCUSE])
    over_gains: list[list[float]] = field(default_factory=lambda: [[] for _ in ACCUSE])
    safe_gains: list[list[float]] = field(default_factory=lambda: [[] for _ in ACQUIT])

    @property
    def whole(self) -> Weighed:
        """All ticks."""
        return Weighed(self.seen, self.r)

    @property
    def lately(self) -> Weighed:
        """The stretch."""
        return Weighed(self.stretch, self.r)

    @property
    def harm(self) -> list[float]:
        """log E of each bet that the candidate is worse than the baseline."""
        return [self._won(gains, restarts=self.restarts) for gains in self.harm_gains]

    @property
    def over(self) -> list[float]:
        """log E of each bet that it is over the limit."""
        return [self._won(gains, restarts=self.restarts) for gains in self.over_gains]

    @property
    def safe(self) -> list[float]:
        """log E of each bet that it is good enough."""
        return [self._won(gains, restarts=False) for gains in self.safe_gains]

    def _won(self, gains: Sequence[float], *, restarts: bool) -> float:
        """What the gains come to; with restarts, those since each tick by that tick's part of the stake."""
        if self.detects:
            return reduce(lambda won, gain: min(max(won + gain, 0.0), self.threshold + log(6.0)), gains, 0.0)
        if not restarts:
            return sum(gains)
        begins = range(1, max(1, len(gains)) + 1)
        return log_sum([log(stake(begin)) + sum(gains[begin - 1 :]) for begin in begins])

    @property
    def phi(self) -> float:
        """How much more than chance the difference jumps from tick to tick."""
        jumps = [
            min((now.rate_c - now.rate_b - (then.rate_c - then.rate_b)) ** 2 / (now.v + then.v), 100.0)
            for then, now in pairwise(self.seen)
            if now.v + then.v > 0
        ]
        return max(1.0, (8.0 * max(1.0, self.phi0) + sum(jumps)) / (8.0 + len(jumps)))

    def take(self, seen: Seen) -> None:
        """One tick."""
        seen = seen + self.carry
        if seen.n_c == 0 or (seen.n_b == 0 and not self.alone):
            self.carry = seen
            return
        self.carry = NOTHING
        before = self.phi
        self.seen.append(seen)
        phis = (before, self.phi)
        r = self.r if self.tau is None else 0.0
        self._bet(self.harm_gains, ACCUSE, None if self.alone else lambda rho: compared(seen, rho, r=r, d=0.0), phis)
        self._bet(self.over_gains, ACCUSE, self._against_limit(seen), phis)
        self._bet(self.safe_gains, ACQUIT, self._acquitting(seen), phis, threshold=log(2.0 / BETA))
        self.stretch.append(seen)
        if not self.speaks_against():
            self.stretch.clear()

    def _against_limit(self, seen: Seen) -> "Growth | None":
        tau = self.tau
        return None if tau is None else lambda rho: limited(seen, rho, tau=tau)

    def _acquitting(self, seen: Seen) -> "Growth | None":
        if self.tau is not None or self.alone:
            return self._against_limit(seen)
        return lambda rho: compared(seen, rho, r=self.r, d=self.d)

    def _bet(
        self,
        gains: list[list[float]],
        ratios: Sequence[float],
        growth: "Growth | None",
        phis: tuple[float, float],
        *,
        threshold: float | None = None,
    ) -> None:
        most = cap(threshold or self.threshold, self.confirm)
        for rho, won in zip(ratios, gains, strict=True):
            grown = growth(rho) if growth is not None else 0.0
            won.append(min(grown / phis[0], grown / phis[1], most))

    def speaks_against(self, enough: float = 0.0) -> bool:
        """Whether the evidence is above so much: against a limit, both that of being over it and of being worse."""
        worse = self.alone or mean_evidence(self.harm) > enough
        return worse and (self.tau is None or mean_evidence(self.over) > enough)


Growth = Callable[[float], float]

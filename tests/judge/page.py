"""The evidence written once more, one formula a function, in floats and lists alone: to be read, not to be fast.

It is what `serin.judge.evidence` and `serin.judge.processes` must equal. The letters are the page's: n events, x bad
ones, of the candidate (c) and of the baseline (b); r and d are what is tolerated, tau is a limit, rho a bet ratio.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import exp, inf, log, log1p, sqrt

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
    highest = max(logs)
    return highest + log(sum(exp(each - highest) for each in logs) / len(logs))


@dataclass
class Page:
    """One process: one metric, since the start or since the step. tau: the limit; without, the baseline is all."""

    threshold: float
    confirm: int
    r: float = 0.0
    d: float = 0.0
    tau: float | None = None
    alone: bool = False
    phi0: float = 1.0
    detects: bool = False
    carry: Seen = NOTHING
    totals: Seen = NOTHING
    ticks: int = 0
    harm: list[float] = field(default_factory=lambda: [0.0] * 6)
    over: list[float] = field(default_factory=lambda: [0.0] * 6)
    safe: list[float] = field(default_factory=lambda: [0.0] * 6)
    last: tuple[float, float] | None = None
    surprises: list[float] = field(default_factory=list)
    weighed: list[tuple[float, float]] = field(default_factory=list)

    @property
    def phi(self) -> float:
        """How much more than chance the difference jumps from tick to tick."""
        return max(1.0, (8.0 * max(1.0, self.phi0) + sum(self.surprises)) / (8.0 + len(self.surprises)))

    @property
    def estimate(self) -> float:
        """est: the difference, weighed within ticks."""
        weight = sum(w for w, _ in self.weighed)
        return sum(w * difference for w, difference in self.weighed) / weight if weight else 0.0

    def take(self, seen: Seen) -> None:
        """One tick."""
        seen = seen + self.carry
        if seen.n_c == 0 or (seen.n_b == 0 and not self.alone):
            self.carry = seen
            return
        self.carry = NOTHING
        before = self.phi
        self._measure(seen)
        phis = (before, self.phi)
        if not self.alone:
            r = self.r if self.tau is None else 0.0
            self._bet(self.harm, ACCUSE, lambda rho: compared(seen, rho, r=r, d=0.0), phis, self.threshold)
        if self.tau is None:
            if not self.alone:
                self._bet(self.safe, ACQUIT, lambda rho: compared(seen, rho, r=self.r, d=self.d), phis, log(2.0 / BETA))
            return
        tau = self.tau
        self._bet(self.over, ACCUSE, lambda rho: limited(seen, rho, tau=tau), phis, self.threshold)
        self._bet(self.safe, ACQUIT, lambda rho: limited(seen, rho, tau=tau), phis, log(2.0 / BETA))

    def _bet(
        self,
        logs: list[float],
        ratios: Sequence[float],
        growth: Callable[[float], float],
        phis: tuple[float, float],
        threshold: float,
    ) -> None:
        lowest, highest = (0.0, self.threshold + log(6)) if self.detects else (-inf, inf)
        for index, rho in enumerate(ratios):
            gained = growth(rho)
            grown = logs[index] + min(gained / phis[0], gained / phis[1], cap(threshold, self.confirm))
            logs[index] = min(max(grown, lowest), highest)

    def _measure(self, seen: Seen) -> None:
        self.ticks += 1
        self.totals = self.totals + seen
        pooled = (seen.x_c + seen.x_b) / (seen.n_c + seen.n_b)
        rate_c = seen.x_c / seen.n_c
        rate_b = seen.x_b / seen.n_b if seen.n_b else 0.0
        variance = pooled * (1.0 - pooled) * (1.0 / seen.n_c + (1.0 / seen.n_b if seen.n_b else 0.0))
        difference = rate_c - rate_b
        if self.last is not None and variance + self.last[1] > 0:
            self.surprises.append(min((difference - self.last[0]) ** 2 / (variance + self.last[1]), 100.0))
        self.last = (difference, variance)
        if seen.n_b:
            self.weighed.append((seen.n_c * seen.n_b / (seen.n_c + seen.n_b), rate_c - (1.0 + self.r) * rate_b))

"""The verified split: did the candidate get the share of requests that its weight promises?

A weight is only a wish until the proxy follows it. Were the counts not split as asked, nothing could be said of the
versions that they are counted for, so this is looked at before any metric is believed (a catastrophe excepted, see
`serin.judge.verdict`). It is tested by evidence, too: a test at three standard errors in every tick would cry wolf.
"""

from dataclasses import dataclass
from math import log, sqrt

from serin.api.status import SplitStatus
from serin.judge.counts import Counts, Pair, Tick
from serin.judge.intake import Intake
from serin.judge.processes import Processes, Terms
from serin.judge.step import Expected, Step
from serin.judge.words import number, percent

THRESHOLD = log(1000.0)
"""So much evidence doubts a split: on average a split as asked for is doubted in one of a thousand ticks at most."""
_MISSING = 5.0
"""Standard errors below the weight from which on a tick's traffic counts as missing (judging.md)."""
_IDLE = 1 / 200
"""The share of the requests that stable gets at most while it is idle; the smallest weight that it is given is twice as
large."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why the split is not believed."""

    reason: str
    message: str


def tolerance(share: float) -> float:
    """How far the share may be from what it should be: 2 points or a fifth of it, whichever is larger."""
    return max(0.02, share / 5)


class Split:
    """What was seen of the split in the present step."""

    def __init__(self, processes: Processes, confirm: int) -> None:
        self._processes = processes
        self._confirm = confirm
        self._step: Step | None = None
        self.more = processes.open(Terms(THRESHOLD, limit=1.0, alone=True))
        self.less = processes.open(Terms(THRESHOLD, limit=1.0, alone=True))
        self.is_more = False
        self.is_less = False
        self.enter(None)

    def enter(self, step: Step | None) -> None:
        """A step begins; None while weights move."""
        self._step = step
        share, band = self._share, tolerance(self._share)
        for row, limit in ((self.more, share + band), (self.less, 1.0 - share + band)):
            terms = Terms(THRESHOLD, limit=min(1.0, limit), alone=True, confirm=self._confirm, detects=True)
            self._processes.restart(row, terms)
        self.candidate = self.total = 0.0
        self.ticks = self.missing = 0

    @property
    def _share(self) -> float:
        return self._step.share if self._step is not None else 0.0

    @property
    def _expected(self) -> Expected:
        return self._step.expected if self._step is not None else Expected.EXACT

    def take(self, pair: Pair | None, intake: Intake) -> None:
        """Take in the requests of one tick of the step."""
        candidate, stable = totals(pair)
        total = candidate + stable
        if total == 0:
            return
        if self._expected is Expected.EXACT:
            intake.add(self.more, (total, candidate, 0.0, 0.0))
        if self._expected is not Expected.ANY:
            intake.add(self.less, (total, stable, 0.0, 0.0))
        self.candidate += candidate
        self.total += total
        self.ticks += 1
        share = self._share
        lacks = candidate < share * total - _MISSING * sqrt(share * (1 - share) * total)
        if self._expected is Expected.ANY:
            lacks = lacks and candidate == 0
        self.missing = self.missing + 1 if lacks else 0

    @property
    def doubt(self) -> Doubt | None:
        """Why the counted requests are not as asked for; None if they may be."""
        least = self._share - tolerance(self._share)
        if self.missing >= self._confirm and self.candidate < least * self.total:
            return Doubt("TrafficMissing", f"Its traffic does not reach it: {self._seen}")
        if self.is_more or self.is_less:
            return Doubt("TrafficUnverified", f"The split is not the one asked for: {self._seen}")
        return None

    @property
    def verified(self) -> bool:
        """Whether enough ticks of the step were seen to say that nothing is in doubt."""
        return self.ticks >= self._confirm and self.doubt is None

    @property
    def status(self) -> SplitStatus:
        """The numbers, for people."""
        observed = self.candidate / self.total if self.total else None
        return SplitStatus(
            expected=self._told(self._share), observed=observed and self._told(observed), requests=self.total
        )

    @staticmethod
    def _told(share: float) -> float:
        return float(f"{share:.4g}")

    @property
    def _seen(self) -> str:
        share = percent(self.candidate / self.total)
        got = f"the candidate got {share} of {number(self.total)} requests in this step"
        copies = self._step.mirror if self._step else 0
        if copies:
            return f"{got}, where copies of {copies}% are asked for: {percent(self._share)}"
        return f"{got}, its weight is {self._step.weight if self._step else 0}%"

    def close(self) -> None:
        """The rollout is over."""
        self._processes.close((self.more, self.less))


def unknown(look: Tick | None, *, alone: bool) -> Doubt | None:
    """Why the newest look cannot tell the split; None if it can, or if there was none yet.

    alone: stable is to get no requests.
    """
    if look is None:
        return None
    if look.problem is not None and look.requests is None:
        return Doubt("PrometheusUnavailable", f"The requests cannot be counted: {look.problem}")
    pair = look.requests or Pair(None, None)
    why = f": {pair.note}" if pair.note else ""
    if pair.candidate is None and pair.stable is None:
        return Doubt("NoData", f"No series counts the requests of either version{why}")
    if sum(totals(pair)) == 0:
        return Doubt("NoTraffic", "No requests reached either version in the newest tick")
    if pair.stable is None and not alone:
        return Doubt("NoData", f"No series counts the requests of the stable version{why}")
    return None


def serves(requests: Pair) -> bool:
    """Whether stable is in use beside the candidate, by the tick's own requests.

    That a step is at the full weight is known of the present one alone, and after a restart the ticks of those before
    must count as they did. A request of one in 200 may be the last one on its way, or somebody's probe.
    """
    candidate, stable = totals(requests)
    return stable > (candidate + stable) * _IDLE


def totals(pair: Pair | None) -> tuple[float, float]:
    """The requests of the candidate and of stable; 0 for a side without data."""
    if pair is None:
        return 0.0, 0.0
    candidate, stable = (side.total if isinstance(side, Counts) else 0.0 for side in (pair.candidate, pair.stable))
    return candidate, stable

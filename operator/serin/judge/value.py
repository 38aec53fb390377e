"""A metric that is a mean over events, or a gauge: how much worse than stable's, in the metric's own unit.

Approximate, see `serin.judge.means` and `serin.judge.gauge`. One at a time: there are few of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

from serin.api.spec import AnalysisMetric, MetricKind
from serin.api.status import MetricStatus, Verdict
from serin.judge.budget import SAFE_THRESHOLD, cap, start_threshold, step_threshold
from serin.judge.counts import Pair, Side
from serin.judge.gauge import BLOCK, GaugeState
from serin.judge.gauge import SIZES as GAUGE_SIZES
from serin.judge.gaussian import GaussianTerms
from serin.judge.intake import Intake
from serin.judge.means import SIZES as MEAN_SIZES
from serin.judge.means import MeanState
from serin.judge.rule import HALFWAY, Finding
from serin.judge.share_status import DISPLAY, part, rounded


@dataclass(frozen=True, slots=True)
class Account:
    """One process: what is known since the start or the step, and the log of the evidence that convicts by it."""

    state: MeanState | GaugeState
    terms: GaussianTerms
    threshold: float

    @property
    def conviction(self) -> float:
        """The share of the convicting evidence that is there, from 0 to 1."""
        return min(max(self.state.log_harm / self.threshold, 0.0), 1.0)

    @property
    def acquittal(self) -> float:
        """The share of the acquitting evidence that is there, from 0 to 1."""
        return min(max(self.state.log_safe / SAFE_THRESHOLD, 0.0), 1.0)

    @property
    def is_beyond(self) -> bool:
        """Whether the estimate is worse than tolerated."""
        estimate = self.state.estimate
        return estimate is not None and estimate > self.terms.tolerance

    def fails(self, share: float = 1.0) -> bool:
        """Whether `share` of the convicting evidence is there, and the estimate is beyond the limit."""
        return self.is_beyond and self.conviction >= share


class ValueMeasure:
    """Its evidence since the start and since the step; a gauge's by blocks of the step's ticks as well.

    A gauge that leaps after a long good time looks like one that wanders, the more the further it leaps. In a block of
    its own, soon after, it is seen for what it is.

    alpha: the metric's share of the error budget: three quarters for the start, a quarter for all steps together. Of
        a gauge's step, half is for its later blocks: 2/(k(k + 1)) of it for block k, so however many come, they have
        no more. The first block is the step's own beginning.
    least: so many of the candidate's events a step needs. A gauge counts none.
    """

    def __init__(self, metric: AnalysisMetric, *, alpha: float, steps: int, confirm: int, least: int) -> None:
        self.metric = metric
        self._alpha = alpha
        self._steps = steps
        self._confirm = 1 if metric.critical else confirm
        self._least = least
        self._sign = -1.0 if metric.higher_is_better else 1.0
        self._has_blocks = metric.kind is MetricKind.GAUGE
        self._start = self._account(start_threshold(alpha))
        self._begin(alpha)
        self._stable = self._start
        """Stable against nought: what its own value is, for the time when it gets no requests any more."""
        self._is_alone = False
        self._bound: Side | None = None

    def _account(self, threshold: float) -> Account:
        state, sizes = (MeanState(), MEAN_SIZES) if self.metric.kind is MetricKind.MEAN else (GaugeState(), GAUGE_SIZES)
        terms = GaussianTerms(
            tolerance=self.metric.tolerance,
            cap_harm=cap(threshold, len(sizes), self._confirm),
            cap_safe=cap(SAFE_THRESHOLD, len(sizes), self._confirm),
            higher_is_better=self.metric.higher_is_better,
        )
        return Account(state, terms, threshold)

    def _begin(self, alpha: float) -> None:
        """Forget the step before; this one has so much of the error budget, like each of the others."""
        self._blocks = 1
        self._of_step = step_threshold(alpha / 2 if self._has_blocks else alpha, self._steps)
        self._step = self._block = self._account(self._of_step)

    def _next_block(self) -> Account:
        """A new one whenever the last is full; one that convicts goes on, or its verdict would be gone with it."""
        if self._block.state.ticks < BLOCK or self._block.fails():
            return self._block
        self._blocks += 1
        return self._account(self._of_step + log(self._blocks * (self._blocks + 1) / 2))

    def learn(self, history: Sequence[Pair]) -> None:
        """Nothing: the difference of two versions is what varies, and before the analysis there was one."""

    def enter(self) -> None:
        """A step begins."""
        self._is_alone, self._bound = False, None
        self._begin(self._alpha)

    def stand_alone(self) -> None:
        """Stable gets no requests in this step: in its place stands the worst that its value can have been before.

        That bound can be wrong, too: it and the evidence take half of the step's chance of error each.
        """
        alpha = self._alpha / 2
        self._begin(alpha)
        known = self._stable.state.interval(0.25 * alpha / self._steps)
        self._is_alone = True
        self._bound = self._step.state.always(self._sign * known[1]) if known else None

    def take(self, pair: Pair, *, in_step: bool, beside: bool, intake: Intake) -> None:  # noqa: ARG002 - not folded with the shares
        """Take in one tick. The value of a version that serves nobody says nothing of what it would be."""
        if beside:
            nought = self._stable.state.always(0.0)
            self._stable = _after(self._stable, Pair(pair.stable, nought))
            self._start = _after(self._start, pair)
        if in_step:
            compared = replace(pair, stable=self._bound) if self._is_alone else pair
            self._step = _after(self._step, compared)
            if self._has_blocks:
                self._block = _after(self._next_block(), compared)

    @property
    def finding(self) -> Finding:
        """What the evidence says."""
        start, step = self._start, self._step
        if self._is_alone and self._bound is None:
            return Finding.NO_BASELINE
        if any(account.fails() for account in self._accounts):
            return Finding.FAILED
        if any(account.fails(HALFWAY) for account in self._accounts):
            return Finding.SUSPECTED
        if max(start.acquittal, step.acquittal) == 1.0 and step.state.ticks and not step.is_beyond:
            return Finding.PASSED
        few = self.samples is not None and self.samples < self._least
        return Finding.TOO_FEW_SAMPLES if few else Finding.UNDECIDED

    @property
    def _accounts(self) -> tuple[Account, ...]:
        """All that may convict, the one first that is told if several do."""
        return (self._step, self._start, self._block) if self._has_blocks else (self._step, self._start)

    @property
    def samples(self) -> float | None:
        """The candidate's events in the step, those included that wait for more; None of a gauge."""
        return self._step.state.samples

    @property
    def outlook(self) -> None:
        """Nobody tells how much a value will scatter."""

    def status(self) -> MetricStatus:
        """The numbers and words for people."""
        start, step = self._start, self._step
        usual = step if step.state.ticks else start
        told = next((account for account in self._accounts if account.fails()), usual)
        estimate, interval = told.state.estimate, told.state.interval(DISPLAY)
        return MetricStatus(
            name=self.metric.name,
            verdict=Verdict.CONTINUE,
            reason="",
            message=self._sentence(told),
            action=self.metric.action,
            limit=self.metric.tolerance,
            estimate=None if estimate is None else rounded(estimate),
            interval=None if interval is None else (rounded(interval[0]), rounded(interval[1])),
            harm=part(max(account.conviction for account in self._accounts)),
            safe=part(max(start.acquittal, step.acquittal)),
            dispersion=rounded(told.state.dispersion) if told.state.ticks else None,
        )

    def _sentence(self, told: Account) -> str:
        state, sign = told.state, self._sign
        if state.estimate is None:
            return "No tick has had enough of both versions to compare yet"
        interval = state.interval(DISPLAY)
        low, high = sorted(sign * end for end in interval) if interval else (0.0, 0.0)
        within = f", 95% interval {low:+.4g} to {high:+.4g}" if interval else ""
        candidate, stable = state.words
        lately = " of late" if told is self._block and self._blocks > 1 else ""
        better, most = ("higher", "least") if self.metric.higher_is_better else ("lower", "most")
        if self._is_alone and told is not self._start:
            stable = f"stable had at {most} {state.values[1]:.4g} before"
        return (
            f"{candidate}, {stable}{lately} ({sign * state.estimate:+.4g}{within}, "
            f"limit {sign * self.metric.tolerance:+.4g}, {better} is better)"
        )

    def close(self) -> None:
        """The rollout is over."""


def _after(account: Account, pair: Pair) -> Account:
    return replace(account, state=account.state.after(pair, account.terms))

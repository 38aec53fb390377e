"""The stages of a rollout and the watch after them, as a flat list; and where in it a rollout stands."""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from serin.api.ab_test import Winner
from serin.api.spec import ABTest, Afterwards, BlueGreen, ModelDeploymentSpec, Shadow, Step, Strategy, StrategyType
from serin.api.status import StepKind, StepStatus
from serin.rollout.stages import (
    Stage,
    ab_test_stages,
    blue_green_stages,
    canary_stages,
    digest,
    shadow_stages,
    watch_stage,
)

NO_TIME = timedelta(0)


@dataclass(frozen=True)
class Schedule:
    """All stages of a rollout, in order.

    steps: how many there are, the watch included.
    plan: identifies the steps: an edit of them makes another one. One of the watch alone does not, so a step that is
        under way goes on.
    discards: the candidate leaves after the last stage, whatever was found.
    """

    stages: tuple[Stage, ...]
    steps: int
    plan: str
    discards: bool = False

    @property
    def blocks(self) -> int:
        """How many pieces at one weight are judged: what the judge divides its budget by."""
        return max(1, sum(1 for stage in self.stages if stage.is_judged))

    @property
    def compares(self) -> bool:
        """Whether a candidate may leave without a failure and without a promotion."""
        return self.discards or any(stage.kind is StepKind.TEST for stage in self.stages)

    def find(self, status: StepStatus) -> Stage | None:
        """The stage that a status stands in; None if that status counts in other steps than these."""
        if status.plan != self.plan:
            return None
        if status.index == 0:
            return before_first(status.weight)
        if status.kind is StepKind.WATCH:
            # Whoever takes the watch out of the spec while it lasts ends it.
            return self.watch or Stage(status.index, StepKind.WATCH, status.weight, NO_TIME)
        return next(
            (stage for stage in self.stages if (stage.step, stage.block) == (status.index, status.block)),
            None,
        )

    @property
    def watch(self) -> Stage | None:
        """The watch; None without one."""
        last = self.stages[-1]
        return last if last.kind is StepKind.WATCH else None

    def decides(self, stage: Stage) -> bool:
        """Whether all the traffic comes after this stage: no other one is judged before."""
        if self.discards or not stage.is_judged or stage.kind is StepKind.WATCH:
            return False
        later = self.stages[self.stages.index(stage) + 1 :] if stage in self.stages else self.stages
        return all(other.kind in {StepKind.PAUSE, StepKind.WATCH} for other in later)

    def after(self, stage: Stage) -> Stage | None:
        """The next stage; None after the last one."""
        later = [other for other in self.stages if (other.step, other.block) > (stage.step, stage.block)]
        return later[0] if later else None

    def gate(self, stage: Stage) -> Stage | None:
        """The stage after this one in which a person decides on all of the traffic; None if nobody is asked."""
        later = self.stages[self.stages.index(stage) + 1 :] if stage in self.stages else ()
        return next((other for other in later if other.asks), None)

    def at_weight(self, weight: int) -> Stage:
        """Where a rollout goes on whose steps were edited or lost: the first stage of the highest weight not above it.

        So an edit never raises the weight; if every stage is above it, the rollout waits for data where it is.
        """
        if weight == 0:
            return self.stages[0]
        reached = max((stage.weight for stage in self.stages if stage.weight <= weight), default=None)
        if reached is None:
            return before_first(weight)
        return next(stage for stage in self.stages if stage.weight == reached)


def before_first(weight: int) -> Stage:
    """The stage of a rollout whose weight is below every step that there is now."""
    return Stage(step=0, kind=StepKind.WEIGHT, weight=weight, hold=NO_TIME)


def schedule(spec: ModelDeploymentSpec) -> Schedule | None:
    """The stages that the spec asks for; None without traffic, where a new version takes over at once."""
    if spec.traffic is None:
        return None
    watch, strategy = spec.analysis.watch if spec.analysis else NO_TIME, spec.strategy or Strategy()
    if strategy.type is StrategyType.BLUE_GREEN:
        return _blue_green(strategy.blue_green or BlueGreen(), watch)
    if strategy.ab_test is not None:
        return _ab_test(strategy.ab_test, watch)
    if strategy.type is StrategyType.SHADOW:
        return _shadow(strategy.shadow or Shadow(), watch)
    return _canary(strategy.steps, watch)


# Each plan asks for its stages, and those of most rollouts are the same few.
@lru_cache(maxsize=1024)
def _canary(steps: tuple[Step, ...], watch: timedelta) -> Schedule:
    return _with_watch(canary_stages(steps), watch, digest(*steps))


@lru_cache(maxsize=1024)
def _blue_green(how: BlueGreen, watch: timedelta) -> Schedule:
    return _with_watch(blue_green_stages(how), watch, digest(how))


@lru_cache(maxsize=1024)
def _shadow(how: Shadow, watch: timedelta) -> Schedule:
    stages = shadow_stages(how)
    if how.then is Afterwards.DISCARD:
        return Schedule(tuple(stages), stages[-1].step, digest(how), discards=True)
    return _with_watch(stages, watch, digest(how))


def _ab_test(how: ABTest, watch: timedelta) -> Schedule:
    """Who gives it more time, or decides otherwise what comes of a winner, asks for no other comparison."""
    compared = how.model_copy(update={"max_duration": NO_TIME, "winner": Winner.KEEP})
    return _with_watch(ab_test_stages(how), watch, digest(compared))


def _with_watch(stages: list[Stage], watch: timedelta, plan: str) -> Schedule:
    every = (*stages, watch_stage(stages, watch)) if watch else tuple(stages)
    return Schedule(every, every[-1].step, plan)

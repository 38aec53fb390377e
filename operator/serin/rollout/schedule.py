"""The steps of a canary, and the watch after them, as a flat list of stages; and where in it a rollout stands."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from serin.api.spec import DEFAULT_STEPS, ModelDeploymentSpec, Ramp, RampCurve, Step
from serin.api.status import StepKind, StepStatus

RAMP_BLOCKS = 8
"""A ramp moves in this many equal pieces of time; the judge counts it as as many steps (`J` of its budget)."""


@dataclass(frozen=True)
class Stage:
    """One weight and how long it is held.

    step: the user's step, from 1; 0 is the stage before the first one, after an edit left no step for this weight; the
        watch is one more than the last.
    hold: None is a pause that only a person ends.
    """

    step: int
    kind: StepKind
    weight: int
    hold: timedelta | None
    block: int = 0


@dataclass(frozen=True)
class Schedule:
    """All stages of a rollout, in order.

    steps: how many there are, the watch included.
    plan: identifies the steps: an edit of them makes another one. One of the watch alone does not, so a step that is
        under way goes on.
    """

    stages: tuple[Stage, ...]
    steps: int
    plan: str

    @property
    def blocks(self) -> int:
        """How many pieces at one weight there are, pauses apart: what the judge divides its budget by."""
        return sum(1 for stage in self.stages if stage.kind is not StepKind.PAUSE)

    def find(self, status: StepStatus) -> Stage | None:
        """The stage that a status stands in; None if that status counts in other steps than these."""
        if status.plan != self.plan:
            return None
        if status.index == 0:
            return before_first(status.weight)
        if status.kind is StepKind.WATCH:
            # Whoever takes the watch out of the spec while it lasts ends it.
            return self.watch or Stage(status.index, StepKind.WATCH, status.weight, timedelta(0))
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
        later = self.stages[self.stages.index(stage) + 1 :] if stage in self.stages else self.stages
        judged = stage.kind in {StepKind.WEIGHT, StepKind.RAMP}
        return judged and all(other.kind in {StepKind.PAUSE, StepKind.WATCH} for other in later)

    def after(self, stage: Stage) -> Stage | None:
        """The next stage; None after the last one."""
        later = [other for other in self.stages if (other.step, other.block) > (stage.step, stage.block)]
        return later[0] if later else None

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
    return Stage(step=0, kind=StepKind.WEIGHT, weight=weight, hold=timedelta(0))


def schedule(spec: ModelDeploymentSpec) -> Schedule | None:
    """The stages that the spec asks for; None without traffic, where a new version takes over at once."""
    if spec.traffic is None:
        return None
    steps = spec.strategy.canary.steps if spec.strategy else DEFAULT_STEPS
    return _schedule(steps, spec.analysis.watch if spec.analysis else timedelta(0))


@lru_cache(maxsize=1024)
def _schedule(steps: tuple[Step, ...], watch: timedelta) -> Schedule:
    """Each plan asks for it, and the steps of most rollouts are the same few."""
    stages = _stages(steps)
    if watch:
        stages.append(Stage(len(steps) + 1, StepKind.WATCH, 100, watch))
    return Schedule(stages=tuple(stages), steps=stages[-1].step, plan=_digest(steps))


def _stages(steps: Sequence[Step]) -> list[Stage]:
    stages: list[Stage] = []
    weight = 0
    for number, step in enumerate(steps, start=1):
        if step.ramp is not None:
            stages += _ramp(number, step.ramp)
        elif step.pause is not None:
            stages.append(Stage(number, StepKind.PAUSE, weight, step.pause.duration))
        else:
            stages.append(Stage(number, StepKind.WEIGHT, step.weight or 0, step.hold or timedelta(0)))
        weight = stages[-1].weight
    return stages


def _ramp(number: int, ramp: Ramp) -> list[Stage]:
    def weight(block: int) -> int:
        done = block / (RAMP_BLOCKS - 1)
        if ramp.curve is RampCurve.EXPONENTIAL:
            return round(ramp.from_ * math.pow(ramp.to / ramp.from_, done))
        return round(ramp.from_ + (ramp.to - ramp.from_) * done)

    return [Stage(number, StepKind.RAMP, weight(block), ramp.over / RAMP_BLOCKS, block) for block in range(RAMP_BLOCKS)]


def _digest(steps: Sequence[Step]) -> str:
    text = json.dumps([step.to_dict() for step in steps], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]

"""What each strategy is: a short list of stages. What is done in a stage, and between them, is the same for all."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from serin.api.base import Model
from serin.api.spec import ABTest, BlueGreen, Promotion, Ramp, RampCurve, Shadow, Step
from serin.api.status import StepKind

RAMP_BLOCKS = 8
"""A ramp moves in this many equal pieces of time; the judge counts it as as many steps (`J` of its budget)."""


@dataclass(frozen=True)
class Stage:
    """One weight and how long it is held.

    step: the user's step, from 1; 0 is the stage before the first one, after an edit left no step for this weight; the
        watch is one more than the last.
    hold: None is a pause that only a person ends.
    mirror: percent of the requests of which the candidate gets a copy.
    prepared: percent of the traffic for which the candidate has pods, if that is more than it gets.
    asks: nothing but a person ends it, the end of `analysis.maxDuration` least of all.
    """

    step: int
    kind: StepKind
    weight: int
    hold: timedelta | None
    block: int = 0
    mirror: int = 0
    prepared: int = 0
    asks: bool = False

    @property
    def reaches(self) -> int:
        """Percent of the users' requests of which the candidate gets one, or a copy."""
        return max(self.weight, self.mirror)

    @property
    def load(self) -> int:
        """Percent of the traffic for which the candidate has pods."""
        return max(self.reaches, self.prepared)

    @property
    def is_judged(self) -> bool:
        """Whether the data must allow the next stage. In a pause they are looked at, too, but only a failure counts."""
        return self.kind is StepKind.TEST or (self.kind is not StepKind.PAUSE and self.reaches > 0)


def canary_stages(steps: Sequence[Step]) -> list[Stage]:
    """Rising weights, ramps and pauses, in the user's order."""
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


def blue_green_stages(how: BlueGreen) -> list[Stage]:
    """Ready for all the traffic and without any, judged by copies of requests if there are some; then all of it."""
    mirror = how.mirror or 0
    kind = StepKind.MIRROR if mirror else StepKind.PREVIEW
    stages = [Stage(1, kind, 0, how.hold, mirror=mirror, prepared=100)]
    if how.promotion is Promotion.MANUAL:
        # The copies go on: whoever decides sees how the candidate does now.
        stages.append(Stage(2, StepKind.PAUSE, 0, None, mirror=mirror, prepared=100, asks=True))
    return stages


def shadow_stages(how: Shadow) -> list[Stage]:
    """Copies of requests, and no request of a user's."""
    return [Stage(1, StepKind.MIRROR, 0, how.duration, mirror=how.percent)]


def ab_test_stages(how: ABTest) -> list[Stage]:
    """Both versions side by side; an audience gets the candidate whatever the weight of all others is."""
    weight = 0 if how.audience is not None else how.weight
    return [Stage(1, StepKind.TEST, weight, how.max_duration, prepared=how.weight)]


def watch_stage(before: Sequence[Stage], watch: timedelta) -> Stage:
    """The look at a candidate that has got all the traffic."""
    return Stage(before[-1].step + 1, StepKind.WATCH, 100, watch)


def digest(*parts: Model) -> str:
    """Identifies what stages are made from."""
    what: list[Any] = [part.to_dict() for part in parts]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


def _ramp(number: int, ramp: Ramp) -> list[Stage]:
    def weight(block: int) -> int:
        done = block / (RAMP_BLOCKS - 1)
        if ramp.curve is RampCurve.EXPONENTIAL:
            return round(ramp.from_ * math.pow(ramp.to / ramp.from_, done))
        return round(ramp.from_ + (ramp.to - ramp.from_) * done)

    return [Stage(number, StepKind.RAMP, weight(block), ramp.over / RAMP_BLOCKS, block) for block in range(RAMP_BLOCKS)]

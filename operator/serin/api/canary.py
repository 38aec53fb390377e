"""`spec.strategy.canary`: a candidate that gets its traffic step by step."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serin.api.base import UNQUOTED, Duration, Model, at_least, matching
from serin.api.rules import Rule

COOKIE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
COOKIE_HELP = "write a cookie's name: letters, digits and dashes, such as serin-fraud"


class RampCurve(StrEnum):
    """How a ramp rises."""

    LINEAR = "Linear"
    EXPONENTIAL = "Exponential"


class Ramp(Model):
    """A rise of the weight in eight equal pieces of time."""

    from_: Annotated[int, Field(alias="from", ge=1, le=100), UNQUOTED]
    """The first weight, in percent."""
    to: Annotated[int, Field(ge=1, le=100), UNQUOTED]
    """The last weight, in percent."""
    over: Annotated[Duration, at_least("1s", "write at least 1s; for no rise at all write a weight instead of a ramp")]
    """How long the rise takes, outside pauses and holds."""
    curve: RampCurve = RampCurve.LINEAR
    """Linear: equal differences. Exponential: equal factors, careful at first."""

    rules = (
        Rule(
            "self.to > self.from",
            lambda ramp: ramp.to > ramp.from_,
            "a ramp rises: write a to that is more than from",
            field=".to",
        ),
    )


class Pause(Model):
    """A stop on the way."""

    duration: (
        Annotated[
            Duration,
            at_least("1ms", "a pause of 0s is none: leave duration out to wait until somebody resumes"),
        ]
        | None
    ) = None
    """How long; until somebody resumes unless given."""


class Step(Model):
    """One step of a canary: exactly one of weight, ramp and pause."""

    weight: Annotated[int, Field(ge=1, le=100), UNQUOTED] | None = None
    """The candidate's share of the traffic, in percent."""
    hold: Duration | None = None
    """How long the weight is held at least, outside pauses and holds of the analysis."""
    ramp: Ramp | None = None
    """A gradual rise."""
    pause: Pause | None = None
    """A stop, timed or until resumed."""

    rules = (
        Rule(
            "[has(self.weight), has(self.ramp), has(self.pause)].filter(given, given).size() == 1",
            lambda step: sum(part is not None for part in (step.weight, step.ramp, step.pause)) == 1,
            "a step is exactly one of weight, ramp and pause: write them as steps of their own, in order",
        ),
        Rule(
            "!has(self.hold) || has(self.weight)",
            lambda step: step.hold is None or step.weight is not None,
            "hold belongs to a weight: write pause.duration for a pause, ramp.over for a ramp",
            field=".hold",
        ),
    )

    @property
    def first_weight(self) -> int | None:
        """The weight at its beginning; none if it leaves the weight as it is."""
        return self.ramp.from_ if self.ramp else self.weight

    @property
    def last_weight(self) -> int | None:
        """The weight at its end; none if it leaves the weight as it is."""
        return self.ramp.to if self.ramp else self.weight


DEFAULT_STEPS = (
    Step(weight=5, hold=timedelta(minutes=5)),
    Step(weight=25, hold=timedelta(minutes=5)),
    Step(weight=50, hold=timedelta(minutes=5)),
)


def _never_falls(steps: tuple[Step, ...]) -> bool:
    weight = 0
    for step in steps:
        if step.first_weight is not None and step.first_weight < weight:
            return False
        weight = step.last_weight or weight
    return True


def _ends_with_all(steps: tuple[Step, ...]) -> bool:
    weighted = [step.last_weight for step in steps if step.last_weight is not None]
    return 100 not in weighted[:-1]


# Of any two steps the earlier (i, a) and the later (j, b); what stands for a missing weight always passes.
_PAIRS = "self.all(i, a, self.all(j, b, i >= j || {condition}))"
_LAST_OF_EARLIER = "a.?weight.orValue(a.?ramp.?to.orValue(0))"
_FIRST_OF_LATER = "b.?weight.orValue(b.?ramp.?from.orValue({otherwise}))"


class Stickiness(Model):
    """Who was answered by a version is answered by it again while weights move."""

    cookie: Annotated[str, Field(min_length=1, max_length=64), matching(COOKIE_NAME, COOKIE_HELP)] | None = None
    """The cookie's name; serin- and the ModelDeployment's name unless given."""
    max_age: Annotated[Duration, at_least("1s", "write at least 1s: how long a user stays with a version")] = timedelta(
        hours=1
    )
    """How long a user stays with a version; then the weights decide anew."""


class Canary(Model):
    """A candidate that gets its traffic step by step."""

    steps: Annotated[
        tuple[Step, ...],
        Field(min_length=1, max_length=32),
        Rule(
            _PAIRS.format(condition=f"{_LAST_OF_EARLIER} <= {_FIRST_OF_LATER.format(otherwise=100)}"),
            _never_falls,
            "weights never fall: write the steps in rising order",
        ),
        Rule(
            _PAIRS.format(condition=f"{_LAST_OF_EARLIER} < 100 || {_FIRST_OF_LATER.format(otherwise=0)} == 0"),
            _ends_with_all,
            "weight 100 is the end: leave out the weights after it, or write less than 100 before them",
        ),
    ] = DEFAULT_STEPS
    """The steps, in order; weights never fall. After the last one the candidate is promoted."""
    stickiness: Stickiness | None = None
    """Users stay with the version that answered them first; without it each request is drawn by itself."""

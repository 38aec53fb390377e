"""`spec.strategy.abTest`: two versions side by side, until one is known to be better."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serin.api.base import DNS_LABEL, UNQUOTED, Duration, Fraction, Model, Proportion, at_least, matching
from serin.api.canary import Stickiness
from serin.api.headers import Headers
from serin.api.metric import METRIC_NAME_HELP
from serin.api.rules import Rule

SIGNIFICANCE_HELP = (
    'write a share above 0 and at most 0.5, such as "0.05": of 20 tests without a difference one finds one'
)
POWER_HELP = 'write a share from 0.5 to below 1, such as "0.8": of five such improvements four are found'

_ABOVE_ZERO = Rule(
    "self.matches('[1-9]')",
    lambda value: value > 0,
    'an improvement of nothing can never be found: write one above zero, such as "1%"',
)


class MinimumEffect(Model):
    """The smallest improvement that is worth finding. Half of it takes four times the requests."""

    absolute: Annotated[Proportion, _ABOVE_ZERO] | None = None
    """In points of the share, such as "1%": from 10 % to 11 %."""
    relative: Annotated[Proportion, _ABOVE_ZERO] | None = None
    """A part of stable's own share, such as "5%": from 10 % to 10.5 %."""

    rules = (
        Rule(
            "has(self.absolute) != has(self.relative)",
            lambda effect: (effect.absolute is None) != (effect.relative is None),
            'write one of absolute: "1%" (in points) and relative: "5%" (a part of stable\'s share)',
        ),
    )


class Goal(Model):
    """By what, and how surely, the candidate must be better."""

    metric: Annotated[str, Field(max_length=63), matching(DNS_LABEL, METRIC_NAME_HELP)]
    """The name of one of analysis.metrics: error-rate, latency, accuracy, or a ratio of your own. Fewer bad events are
    better; of a ratio with good more good ones are."""
    minimum_effect: MinimumEffect
    """The smallest improvement that is worth finding."""
    significance: Annotated[
        Fraction,
        Rule(
            r"self.matches(r'^(0\.[0-4][0-9]*|0\.50*|[0-4]?[0-9](\.[0-9]+)?%|50(\.0+)?%)$') && self.matches('[1-9]')",
            lambda value: 0 < value <= 0.5,
            SIGNIFICANCE_HELP,
        ),
        Field(json_schema_extra={"default": "0.05"}),
    ] = 0.05
    """The highest chance that one version is called better although both are the same, however often one looks."""
    power: Annotated[
        Fraction,
        Rule(
            r"self.matches(r'^(0\.[5-9][0-9]*|[5-9][0-9](\.[0-9]+)?%)$')",
            lambda value: 0.5 <= value < 1,
            POWER_HELP,
        ),
        Field(json_schema_extra={"default": "0.8"}),
    ] = 0.8
    """The chance that an improvement of minimumEffect is found, given the requests that serin simulate tells."""


class Audience(Model):
    """Who gets the candidate, if not a share of all."""

    headers: Headers
    """A request that bears all of these headers, with exactly these values, gets the candidate; all others stable."""


class Winner(StrEnum):
    """What becomes of a candidate that won."""

    PROMOTE = "Promote"
    KEEP = "Keep"


class ABTest(Model):
    """A candidate and the stable version side by side, until one is known to be better, or that none is."""

    goal: Goal
    """What decides."""
    weight: Annotated[int, Field(ge=1, le=99), UNQUOTED] = 50
    """The candidate's share of the traffic, in percent. With an audience: the share that is expected of it, for which
    the candidate has pods."""
    stickiness: Stickiness | None = None
    """Users stay with the version that answered them first; without it each request is drawn by itself."""
    audience: Audience | None = None
    """Those who bear a header get the candidate, and nobody else: who bears it is yours to draw."""
    max_duration: Annotated[Duration, at_least("1s", "write at least 1s: what is over at once compares nothing")] = (
        timedelta(days=14)
    )
    """How long it may take, outside pauses; in its place analysis.maxDuration counts for what comes after it."""
    winner: Winner = Winner.PROMOTE
    """Promote: a candidate that won takes over. Keep: it stays where it is, until a person promotes or aborts."""

    rules = (
        Rule(
            "!has(self.audience) || !has(self.stickiness)",
            lambda test: test.audience is None or test.stickiness is None,
            "an audience stays where its header leads: leave stickiness out, or audience",
            field=".stickiness",
        ),
    )

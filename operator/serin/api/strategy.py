"""`spec.strategy`: how a new version replaces the old one."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serin.api.ab_test import ABTest
from serin.api.base import UNQUOTED, Duration, Model, at_least
from serin.api.canary import DEFAULT_STEPS, Canary, Step, Stickiness
from serin.api.headers import Headers
from serin.api.rules import Rule


class StrategyType(StrEnum):
    """The ways in which a new version comes."""

    CANARY = "Canary"
    BLUE_GREEN = "BlueGreen"
    SHADOW = "Shadow"
    AB_TEST = "ABTest"


class Preview(Model):
    """Requests that reach the candidate before its traffic does."""

    headers: Headers
    """A request that bears all of these headers, with exactly these values, reaches the candidate."""


class Promotion(StrEnum):
    """Who switches the traffic."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class BlueGreen(Model):
    """A candidate that stands ready at full size, is looked at without users, and gets all the traffic in one write."""

    mirror: Annotated[int, Field(ge=1, le=100), UNQUOTED] | None = None
    """Percent of the requests of which the candidate gets a copy, to be judged by; it is not judged before the switch
    unless given."""
    hold: Duration = timedelta(minutes=5)
    """How long it stands beside the stable version at least, before the switch."""
    promotion: Promotion = Promotion.AUTOMATIC
    """Automatic: the switch follows by itself. Manual: it waits until somebody resumes."""


class Afterwards(StrEnum):
    """What becomes of a shadow."""

    DISCARD = "Discard"
    PROMOTE = "Promote"


class Shadow(Model):
    """A candidate that gets copies of requests; its answers reach nobody."""

    percent: Annotated[int, Field(ge=1, le=100), UNQUOTED] = 100
    """Percent of the requests of which the candidate gets a copy."""
    duration: Annotated[Duration, at_least("1s", "write at least 1s: what is over at once compares nothing")] = (
        timedelta(hours=1)
    )
    """How long it is compared at least, outside pauses and holds of the analysis."""
    then: Afterwards = Afterwards.DISCARD
    """Discard: the comparison is told, and the candidate leaves. Promote: if all metrics pass, it takes over."""


class Capacity(StrEnum):
    """Where the pods of the candidate come from."""

    SURGE = "Surge"
    REBALANCE = "Rebalance"


class Strategy(Model):
    """How a new version replaces the old one."""

    type: StrategyType = StrategyType.CANARY
    """Canary: step by step. BlueGreen: all the traffic at once, after a look. Shadow: on copies of requests."""
    preview: Preview | None = None
    """Who reaches the candidate by a header, from when its pods are Ready; of Canary and BlueGreen."""
    canary: Canary | None = None
    """The steps of a canary; 5, 25 and 50 %, 5m each, unless given."""
    blue_green: BlueGreen | None = None
    """How the two stand beside each other before the switch."""
    shadow: Shadow | None = None
    """How much is copied, for how long, and what comes then."""
    ab_test: ABTest | None = None
    """What is compared, who gets the candidate, and what comes of a winner."""
    capacity: Capacity = Capacity.SURGE
    """Surge: stable keeps all its pods until the promotion. Rebalance: it gives up those that its weight needs not."""
    max_surge_replicas: Annotated[int, Field(ge=1, le=10_000), UNQUOTED] | None = None
    """Rebalance: how many pods there may be beyond those that carry the traffic; any number unless given."""

    rules = (
        Rule(
            "!has(self.canary) || self.type == 'Canary'",
            lambda strategy: strategy.canary is None or strategy.type is StrategyType.CANARY,
            "canary holds what type: Canary goes by: leave it out, or write that type",
            field=".canary",
        ),
        Rule(
            "!has(self.blueGreen) || self.type == 'BlueGreen'",
            lambda strategy: strategy.blue_green is None or strategy.type is StrategyType.BLUE_GREEN,
            "blueGreen holds what type: BlueGreen goes by: leave it out, or write that type",
            field=".blueGreen",
        ),
        Rule(
            "!has(self.shadow) || self.type == 'Shadow'",
            lambda strategy: strategy.shadow is None or strategy.type is StrategyType.SHADOW,
            "shadow holds what type: Shadow goes by: leave it out, or write that type",
            field=".shadow",
        ),
        Rule(
            "has(self.abTest) == (self.type == 'ABTest')",
            lambda strategy: (strategy.ab_test is not None) == (strategy.type is StrategyType.AB_TEST),
            "abTest holds what type: ABTest goes by, which needs a goal: write both, or neither",
            field=".abTest",
        ),
        Rule(
            "!has(self.preview) || self.type in ['Canary', 'BlueGreen']",
            lambda strategy: (
                strategy.preview is None or strategy.type in {StrategyType.CANARY, StrategyType.BLUE_GREEN}
            ),
            "preview belongs to type: Canary and type: BlueGreen: leave it out, or write one of them",
            field=".preview",
        ),
        Rule(
            "self.capacity == 'Surge' || self.type == 'Canary'",
            lambda strategy: strategy.capacity is Capacity.SURGE or strategy.type is StrategyType.CANARY,
            "both versions have the pods for the whole traffic unless it moves step by step: write capacity: Surge, or"
            " type: Canary",
            field=".capacity",
        ),
        Rule(
            "!has(self.maxSurgeReplicas) || self.capacity == 'Rebalance'",
            lambda strategy: strategy.max_surge_replicas is None or strategy.capacity is Capacity.REBALANCE,
            "with Surge stable keeps all its pods, so that the candidate's come on top: write capacity: Rebalance, or"
            " leave maxSurgeReplicas out",
            field=".maxSurgeReplicas",
        ),
    )

    @property
    def audience(self) -> dict[str, str] | None:
        """The headers that lead a request to the candidate beside its weight."""
        if self.preview is not None:
            return self.preview.headers
        return self.ab_test.audience.headers if self.ab_test and self.ab_test.audience else None

    @property
    def stickiness(self) -> Stickiness | None:
        """How users stay with a version; None where each request is drawn by itself."""
        strategy = self.canary if self.type is StrategyType.CANARY else self.ab_test
        return strategy.stickiness if strategy is not None else None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of a canary."""
        return self.canary.steps if self.canary else DEFAULT_STEPS

    @property
    def previews_by_several_headers(self) -> bool:
        """Whether a request must bear more than one header to reach the candidate."""
        return self.preview is not None and len(self.preview.headers) > 1

    @property
    def copies_before_switch(self) -> int | None:
        """Percent of the requests of which a candidate gets a copy before it gets all of them; None without."""
        return self.blue_green.mirror if self.blue_green is not None else None

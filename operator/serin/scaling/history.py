"""What an autoscaler remembers from pass to pass."""

from dataclasses import dataclass, replace
from datetime import datetime

from serin.scaling.conditions import Condition, with_condition


@dataclass(frozen=True, slots=True)
class PastRecommendation:
    """What the metrics asked for, before any stabilization or limit."""

    replicas: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ScaleEvent:
    """By how many pods replicas were changed (not negative).

    outdated: no policy of its own direction needed it any longer, so that its slot may be used again; one of the other
    direction may still count it.
    """

    change: int
    at: datetime
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """All that one pass leaves to the next. The order of the entries matters, as slots are used again."""

    recommendations: tuple[PastRecommendation, ...] = ()
    scale_ups: tuple[ScaleEvent, ...] = ()
    scale_downs: tuple[ScaleEvent, ...] = ()
    conditions: tuple[Condition, ...] = ()
    last_scale: datetime | None = None

    def told(self, condition: Condition) -> "History":
        """The same with a condition set."""
        conditions = with_condition(self.conditions, condition)
        return History(self.recommendations, self.scale_ups, self.scale_downs, conditions, self.last_scale)

    def compacted(self) -> "History":
        """The same for any stabilization window in a few entries, to be kept where space is dear.

        A recommendation that a later one equals or exceeds decides no maximum any more, and one that a later one
        equals or undercuts no minimum: whatever is older leaves every window first. Scale events are added up, so
        that none of them can be left out; their slots bound their number.
        """
        kept: list[PastRecommendation] = []
        most = least = None
        for past in sorted(self.recommendations, key=_time, reverse=True):
            if most is None or least is None or past.replicas > most or past.replicas < least:
                kept.append(past)
                most = past.replicas if most is None else max(most, past.replicas)
                least = past.replicas if least is None else min(least, past.replicas)
        return replace(self, recommendations=tuple(reversed(kept)))


def _time(past: PastRecommendation) -> datetime:
    return past.at


EMPTY = History()

"""Stabilization: what the metrics asked for a short time ago still counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from serin.scaling.history import PastRecommendation

Recommendations = tuple[PastRecommendation, ...]


@dataclass(frozen=True, slots=True)
class Stabilized:
    """The replicas that earlier recommendations allow.

    recommendations: what to remember; until: when the earlier ones end that hold it, None if none does.
    """

    replicas: int
    recommendations: Recommendations
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Windows:
    """How long recommendations count: against scaling up, and against scaling down."""

    up: timedelta
    down: timedelta


def stabilize(earlier: Recommendations, proposal: int, now: datetime, window: timedelta) -> Stabilized:
    """Without behavior (`stabilizeRecommendation`): max(proposal, recommendations not older than the window).

    Age > window = obsolete (strict). Then store the raw proposal: overwrite the last obsolete slot if any, else append.
    Scale-up is never delayed.
    """
    cutoff = now - window
    most, slot = proposal, None
    for index, past in enumerate(earlier):
        if past.at < cutoff:
            slot = index
        elif past.replicas > most:
            most = past.replicas
    until = None
    if most != proposal:
        until = _end(window, (past for past in earlier if past.at >= cutoff and past.replicas > proposal))
    return Stabilized(most, _remember(earlier, PastRecommendation(proposal, now), slot), until)


def stabilize_both(
    earlier: Recommendations, proposal: int, current: int, now: datetime, windows: Windows
) -> Stabilized:
    """With behavior (`stabilizeRecommendationWithBehaviors`).

    up = min(proposal, recs with age < upWindow), down = max(proposal, recs with age < downWindow) (strict); start from
    current: if < up -> up; if > down -> down. A slot is reusable only if older than both windows (strict; last such
    slot); else append the raw proposal.
    """
    up_cutoff, down_cutoff = now - windows.up, now - windows.down
    up = down = proposal
    slot = None
    for index, past in enumerate(earlier):
        if past.at > up_cutoff and past.replicas < up:
            up = past.replicas
        if past.at > down_cutoff and past.replicas > down:
            down = past.replicas
        if past.at < up_cutoff and past.at < down_cutoff:
            slot = index
    replicas = min(max(current, up), down)
    until = None
    if replicas < proposal:
        until = _end(windows.up, (past for past in earlier if past.at > up_cutoff and past.replicas < proposal))
    elif replicas > proposal:
        until = _end(windows.down, (past for past in earlier if past.at > down_cutoff and past.replicas > proposal))
    return Stabilized(replicas, _remember(earlier, PastRecommendation(proposal, now), slot), until)


def _remember(earlier: Recommendations, new: PastRecommendation, slot: int | None) -> Recommendations:
    if slot is None:
        return (*earlier, new)
    return (*earlier[:slot], new, *earlier[slot + 1 :])


def _end(window: timedelta, holding: Iterable[PastRecommendation]) -> datetime:
    return max(past.at for past in holding) + window

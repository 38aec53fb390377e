"""From the tick log to what is judged: in order, each tick once, unsound counts left out, cut at the step."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from serin.judge.counts import NOTHING, Counts, Pair, Tick

NO_DATA = Pair(None, None)


def _is_sound(pair: Pair) -> bool:
    return all(side is None or side.sound for side in (pair.candidate, pair.stable))


def _sound_pair(pair: Pair) -> Pair:
    if _is_sound(pair):
        return pair
    candidate, stable = (side if side and side.sound else None for side in (pair.candidate, pair.stable))
    return replace(pair, candidate=candidate, stable=stable)


def _sound_tick(tick: Tick) -> Tick:
    pairs = tick.metrics.values()
    if all(map(_is_sound, pairs)) and (tick.requests is None or _is_sound(tick.requests)):
        return tick
    metrics = {name: _sound_pair(pair) for name, pair in tick.metrics.items()}
    return replace(tick, metrics=metrics, requests=_sound_pair(tick.requests) if tick.requests else None)


def tidy(ticks: Iterable[Tick], *, started_at: datetime, interval: timedelta) -> tuple[Tick, ...]:
    """The ticks whose windows lie in the analysis, in order, each once (the answered one), sound counts only."""
    by_time: dict[datetime, Tick] = {}
    for tick in ticks:
        if tick.at - interval < started_at:
            continue
        known = by_time.get(tick.at)
        if known is None or known.problem is not None:
            by_time[tick.at] = tick
    return tuple(_sound_tick(tick) for _, tick in sorted(by_time.items()))


EDGE = 10
"""The tenth of a window that may lie before the step. A step is entered a moment after the tick that allowed it, and
would wait for the next window but one, as long again; the split's tolerance is wider than what a tenth adds to it."""


def of_step(ticks: Sequence[Tick], *, since: datetime, interval: timedelta) -> tuple[Tick, ...]:
    """The ticks whose window lies in the step, but for its edge."""
    return tuple(tick for tick in ticks if tick.at - interval >= since - interval / EDGE)


def metric_pairs(ticks: Sequence[Tick], name: str) -> tuple[Pair, ...]:
    """One pair per tick; both sides None where the tick knows nothing of the metric."""
    return tuple(tick.metrics.get(name, NO_DATA) for tick in ticks)


@dataclass(frozen=True, slots=True)
class Look:
    """Counts of both versions, of one tick or carried over several."""

    candidate: Counts = NOTHING
    stable: Counts = NOTHING

    def __add__(self, other: "Look") -> "Look":
        return Look(self.candidate + other.candidate, self.stable + other.stable)

    def has_events(self, *, candidate: float, stable: float) -> bool:
        """Whether each version has at least so many events."""
        return self.candidate.total >= candidate and self.stable.total >= stable


def pool(pairs: Iterable[Pair]) -> Look:
    """The sum over ticks; a side without data adds nothing."""
    candidate_bad = candidate_total = stable_bad = stable_total = 0.0
    for pair in pairs:
        if pair.candidate is not None:
            candidate_bad += pair.candidate.bad
            candidate_total += pair.candidate.total
        if pair.stable is not None:
            stable_bad += pair.stable.bad
            stable_total += pair.stable.total
    return Look(Counts(candidate_bad, candidate_total), Counts(stable_bad, stable_total))


def looks(pairs: Iterable[Pair], *, candidate: float, stable: float) -> tuple[Look, ...]:
    """Ticks gathered into looks, oldest first.

    A tick with few events says little, and one without events on a side says nothing: its counts are carried until
    both versions have at least so many events. What is left over at the end is not a look yet.
    """
    found: list[Look] = []
    carried = Look()
    for pair in pairs:
        carried += pool((pair,))
        if carried.has_events(candidate=candidate, stable=stable):
            found.append(carried)
            carried = Look()
    return tuple(found)

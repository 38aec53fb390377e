"""How far apart the distributions of two versions are, and how much of that is chance alone.

Two samples of the same distribution differ. Over k bins, chance alone makes a PSI of about (k - 1)(1/n_c + 1/n_b): 150
against 2,850 identical predictions over ten bins exceed 0.1 one time in ten. So that much is taken off before a
divergence is held against its limit; and whether the distributions differ at all is a matter of evidence.
"""

from dataclasses import dataclass
from itertools import accumulate
from math import log, sqrt

from serin.api.metric_kinds import Divergence
from serin.judge.counts import Bins
from serin.judge.words import number

_EMPTY = Bins({})
_ADDED = 0.5
"""Added to every bin, so that an empty one does not make a divergence infinite."""


@dataclass(frozen=True, slots=True)
class Divergences:
    """Between the candidate's and stable's bins. What chance alone makes is taken off psi, kl and js, not off raw_*.

    psi, kl (of the candidate from stable), js (Jensen-Shannon): in nats, and so corrected perhaps a little below 0.
    ks: the largest distance of the cumulative shares at an edge, at most the true one.
    bins: how many are in use; candidate, stable: events.
    """

    psi: float
    kl: float
    js: float
    ks: float
    raw_psi: float
    raw_kl: float
    raw_js: float
    bins: int
    candidate: float
    stable: float

    def of(self, measure: Divergence) -> float:
        """The one that is held against a limit."""
        return {Divergence.PSI: self.psi, Divergence.KL: self.kl, Divergence.JS: self.js}.get(measure, self.ks)

    def raw(self, measure: Divergence) -> float:
        """The same, with what chance makes of it."""
        raw = {Divergence.PSI: self.raw_psi, Divergence.KL: self.raw_kl, Divergence.JS: self.raw_js}
        return raw.get(measure, self.ks)

    def ks_bound(self, alpha: float) -> float:
        """What ks exceeds by chance alone with a probability of at most about alpha (Smirnov), at one look."""
        effective = self.candidate * self.stable / (self.candidate + self.stable)
        return sqrt(-log(alpha / 2.0) / (2.0 * effective))


def compare(candidate: Bins, stable: Bins) -> Divergences | None:
    """Pooled counts of both versions, bin by bin; None while a version has no event."""
    total_c, total_b = candidate.total, stable.total
    if total_c <= 0 or total_b <= 0:
        return None
    labels = ordered(candidate, stable)
    counts = [(candidate.counts.get(label, 0.0), stable.counts.get(label, 0.0)) for label in labels]
    used = [(count_c, count_b) for count_c, count_b in counts if count_c + count_b > 0]
    bins, added = len(used), _ADDED * len(used)
    pairs = [((c + _ADDED) / (total_c + added), (b + _ADDED) / (total_b + added)) for c, b in used]
    chance = (bins - 1) * (1.0 / total_c + 1.0 / total_b)
    psi = sum((p - q) * log(p / q) for p, q in pairs)
    kl = sum(p * log(p / q) for p, q in pairs)
    middle = [(p + q) / 2.0 for p, q in pairs]
    js = sum(p * log(p / m) + q * log(q / m) for (p, q), m in zip(pairs, middle, strict=True)) / 2.0
    gaps = accumulate(c / total_c - b / total_b for c, b in used)
    return Divergences(
        psi=psi - chance,
        kl=kl - chance / 2.0,
        js=js - chance / 8.0,
        ks=max(abs(gap) for gap in gaps),
        raw_psi=psi,
        raw_kl=kl,
        raw_js=js,
        bins=bins,
        candidate=total_c,
        stable=total_b,
    )


def ordered(candidate: Bins, stable: Bins) -> tuple[str, ...]:
    """The labels of both, by the edges that they name (`+Inf` is the last); classes by name."""
    labels = {*candidate.counts, *stable.counts}
    try:
        return tuple(sorted(labels, key=float))
    except ValueError:
        return tuple(sorted(labels))


def pool(first: Bins, second: Bins, *, scale: float = 1.0) -> Bins:
    """The events of the first, and `scale` times those of the second."""
    labels = {**first.counts, **second.counts}
    return Bins({label: first.counts.get(label, 0.0) + scale * second.counts.get(label, 0.0) for label in labels})


@dataclass(frozen=True, slots=True)
class Pooled:
    """The events of many ticks. Traffic and weights change between them, and with the hour the inputs do.

    candidate: its events. stable: those of stable, of each tick as many as the candidate had in it: pooled as they are,
    the versions would differ by the hours at which they had their traffic (Simpson's paradox).
    load: the sum of the candidate's events squared over stable's, which tells how many events stable's stand for.
    """

    candidate: Bins = _EMPTY
    stable: Bins = _EMPTY
    load: float = 0.0

    def after(self, candidate: Bins, stable: Bins) -> "Pooled":
        """With one more tick, in which both have events."""
        scale = candidate.total / stable.total
        return Pooled(
            candidate=pool(self.candidate, candidate),
            stable=pool(self.stable, stable, scale=scale),
            load=self.load + candidate.total * scale,
        )

    def compare(self) -> Divergences | None:
        """How far apart they are; None without a tick."""
        if self.load == 0:
            return None
        return compare(self.candidate, pool(_EMPTY, self.stable, scale=self.candidate.total / self.load))


def sizes_of(found: Divergences) -> str:
    """What the divergences were found from, for a person."""
    return f"{number(found.candidate)} against {number(found.stable)} events in {found.bins} bins"


def why_no_alarm(found: Divergences, measure: Divergence, limit: float, *, differs: bool) -> str | None:
    """Why a divergence that looks too large is none; None where it is one, or does not look it.

    differs: whether the evidence says that the distributions differ at all.
    """
    raw, value = found.raw(measure), found.of(measure)
    sizes = sizes_of(found)
    if raw > limit >= value:
        return (
            f"{measure} is {raw:.2g}, over the limit of {limit:g}, but chance alone makes about {raw - value:.2g} "
            f"of it with {sizes}"
        )
    if value > limit and not differs:
        return f"{measure} is {value:.2g}, over the limit of {limit:g}, but with {sizes} that may still be chance"
    return None

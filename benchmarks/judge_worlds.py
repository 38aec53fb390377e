"""The worlds in which judges are tried: how many requests come, how many are bad, and what the monitoring sees of it.

Shapes: r rollouts at once, m metrics. A tick is a minute, and the first tick is number 1; those up to 0 are the past.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

TICKS = 60
SECONDS = 60.0
METRICS = ("error-rate", "latency", "accuracy", "refusals")
ERROR, LATENCY, ACCURACY, REFUSALS = range(len(METRICS))
HEALTHY = np.array([0.01, 0.03, 0.08, 0.02])
"""The shares of bad events of a good model: failed, slower than the SLA, wrong, refused."""
LABELED = 0.2
"""The share of predictions whose true label becomes known, in the same tick."""
CONCENTRATION = 200.0
"""Of the beta distribution that a version's share is drawn from, tick by tick, where it is overdispersed."""
BURST = 20
LOGNORMAL_SIGMA = 0.5
"""Of the logarithm of a request's duration."""

Shares = Callable[[int], Floats]


def healthy(_: int) -> Floats:
    """Nothing is wrong."""
    return HEALTHY


@dataclass(frozen=True)
class World:
    """One world.

    about: what happens in it, for the page.
    requests: of both versions together, each second.
    candidate, stable: their shares of bad events in a tick.
    scatter: Binomial, Overdispersed or Bursts.
    onset: after this tick the candidate is bad; None if it is good.
    warm_up: so many ticks are not judged, by those judges that can be told so.
    reached: whether the candidate gets its traffic. outages: whether Prometheus fails now and then.
    """

    name: str
    about: str
    requests: float = 50.0
    candidate: Shares = healthy
    stable: Shares = healthy
    scatter: str = "Binomial"
    onset: int | None = None
    warm_up: int = 0
    reached: bool = True
    outages: bool = False

    @property
    def promised(self) -> bool:
        """Whether Serin's promise covers it: never worse than stable, failures independent given the requests.

        Where no request reaches the candidate there is nothing to promise: it would only flatter the average.
        """
        return self.candidate == self.stable and self.scatter == "Binomial" and self.reached


@dataclass(frozen=True)
class Look:
    """What one tick counted. counts: shape (r, m, 4): candidate total and bad, stable total and bad.

    requests: shape (r, 2), candidate and stable. answered: shape (r,), whether the monitoring answered in time.
    """

    tick: int
    counts: Floats
    requests: Floats
    answered: Flags


class Stage:
    """Plays one world for many rollouts at once."""

    def __init__(self, world: World, rollouts: int, seed: int) -> None:
        self.world = world
        self._random = np.random.default_rng(seed)
        self._down = np.zeros((TICKS + 1, rollouts), dtype=bool)
        if world.outages:
            self._down = self._random.random((TICKS + 1, rollouts)) < 0.05
            begins = self._random.integers(3, 25, rollouts)
            ticks = np.arange(TICKS + 1)[:, None]
            self._down |= (ticks >= begins) & (ticks < begins + 6)

    def look(self, tick: int, weights: Floats) -> Look:
        """One tick in which the candidates have these weights, from 0 to 1; shape (r,)."""
        total = self.world.requests * SECONDS
        reaching = weights if self.world.reached else np.zeros_like(weights)
        requests = self._random.poisson(np.stack([total * reaching, total * (1.0 - reaching)], axis=1)).astype(float)
        counts = np.zeros((len(weights), len(METRICS), 4))
        for side, shares in enumerate((self.world.candidate(tick), self.world.stable(tick))):
            events = np.repeat(requests[:, side, None], len(METRICS), axis=1)
            events[:, ACCURACY] = self._random.binomial(requests[:, side].astype(np.int64), LABELED)
            counts[:, :, 2 * side] = events
            counts[:, :, 2 * side + 1] = self._bad(events, shares)
        return Look(tick, counts, requests, ~self._down[max(tick, 0)])

    def _bad(self, events: Floats, shares: Floats) -> Floats:
        chances = np.broadcast_to(shares, events.shape)
        if self.world.scatter == "Bursts":
            return np.minimum(BURST * self._random.poisson(events * chances / BURST), events).astype(float)
        if self.world.scatter == "Overdispersed":
            chances = self._random.beta(CONCENTRATION * chances, CONCENTRATION * (1.0 - chances))
        return self._random.binomial(events.astype(np.int64), chances).astype(float)

    def excess(self, tick: int, weights: Floats) -> Floats:
        """Requests of a tick that are bad only because the candidate got them, on average; shape (r,)."""
        worse = float(np.max(self.world.candidate(tick) - self.world.stable(tick)))
        reaching = weights if self.world.reached and self.world.onset is not None else np.zeros_like(weights)
        return self.world.requests * SECONDS * max(worse, 0.0) * reaching


@dataclass(frozen=True)
class Worse:
    """One metric worse by so many points after a tick, all at once or over `ramp` ticks."""

    metric: int
    points: float
    after: int = 0
    ramp: int = 0

    def __call__(self, tick: int) -> Floats:
        """The shares of bad events."""
        changed = HEALTHY.copy()
        if tick > self.after:
            changed[self.metric] += self.points * (min(1.0, (tick - self.after) / self.ramp) if self.ramp else 1.0)
        return changed


def _slower(by: float) -> float:
    """Points that are added to the share beyond the SLA when a lognormal duration grows by a factor."""
    normal = NormalDist()
    beyond = normal.inv_cdf(1.0 - HEALTHY[LATENCY])
    return 1.0 - normal.cdf(beyond - log(by) / LOGNORMAL_SIGMA) - float(HEALTHY[LATENCY])


def _outage(tick: int) -> Floats:
    """Something that both versions need is down for six ticks."""
    changed = HEALTHY.copy()
    if 12 < tick <= 18:
        changed[[ERROR, LATENCY]] = 0.3
    return changed


def _cold(tick: int) -> Floats:
    """A model that is slow until its caches are warm: 50 points more requests too late, then 25, 12.5 and 6.25."""
    changed = HEALTHY.copy()
    if 0 < tick <= 4:
        changed[LATENCY] += 0.5**tick
    return changed


_QUIET = "fewer events than any verdict needs: 12 requests a minute, and less than one of them for the candidate"
_NORMAL = "two good versions"

WORLDS = (
    World("healthy, 0.2 requests/s", _QUIET, 0.2),
    *(World(f"healthy, {requests:g} requests/s", _NORMAL, requests) for requests in (5.0, 50.0, 500.0)),
    World(
        "healthy, overdispersed",
        "every share varies from minute to minute, for each version by itself, as a beta distribution with "
        f"a + b = {CONCENTRATION:g}",
        scatter="Overdispersed",
    ),
    World(f"healthy, bursts of {BURST}", f"bad events come {BURST} at a time", scatter="Bursts"),
    World(
        "an outage that both share",
        "for six minutes 30 % of both versions' requests fail, and as many are slow",
        candidate=_outage,
        stable=_outage,
    ),
    World(
        "cold start",
        "50 points more of the candidate's requests are slow in the first minute, then 25, 12.5 and 6.25; who can be "
        "told of a warm-up is told of two minutes",
        candidate=_cold,
        warm_up=2,
    ),
    World("Prometheus fails now and then", "5 % of the looks are not answered, and once six in a row", outages=True),
    World("no traffic reaches the candidate", "the proxy ignores the weights", reached=False),
    World("errors +0.5 points", "1.5 % instead of 1 % fail", candidate=Worse(ERROR, 0.005), onset=0),
    World("errors +2 points", "3 % fail", candidate=Worse(ERROR, 0.02), onset=0),
    World("errors +10 points", "11 % fail", candidate=Worse(ERROR, 0.10), onset=0),
    World("errors +2 points, 5 requests/s", "3 % fail", 5.0, candidate=Worse(ERROR, 0.02), onset=0),
    World(
        "errors +2 points, late", "good for fifteen minutes, then 3 % fail", candidate=Worse(ERROR, 0.02, 15), onset=15
    ),
    World(
        "errors +4 points, over 20 ticks",
        "from 1 % to 5 % within twenty minutes",
        candidate=Worse(ERROR, 0.04, ramp=20),
        onset=0,
    ),
    *(
        World(
            f"latency +{by * 100 - 100:.0f} %",
            f"every request takes {by:g} times as long: {(HEALTHY[LATENCY] + _slower(by)) * 100:.1f} % are slow",
            candidate=Worse(LATENCY, _slower(by)),
            onset=0,
        )
        for by in (1.2, 2.0)
    ),
    World("accuracy -1 point", "9 % instead of 8 % are wrong", candidate=Worse(ACCURACY, 0.01), onset=0),
    World("accuracy -3 points", "11 % are wrong", candidate=Worse(ACCURACY, 0.03), onset=0),
)

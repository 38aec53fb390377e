"""Capacity for a traffic weight: how many pods a version needs for its share, and in which moves it gets them.

Where the candidate's pods come on top (`Surge`), `pods_for` is all there is to it. Where stable gives its pods up
(`Rebalance`), there are never more than a few pods beyond those that carry the whole load, so that a weight is reached
in several moves: who takes traffic gets pods first, the weight follows once they are Ready, and only then does the
other one give pods up, which are the room for the next move.
"""

import math
from dataclasses import dataclass

HEADROOM = 0.7
"""How full a pod is meant to be: requests come in bunches, and wait where every place is taken."""


def pods_for(whole: int, weight: int) -> int:
    """The pods that a version needs for `weight` percent of a load that `whole` pods carry: ceil(S * w / 100).

    At least one pod, so that a version can be looked at before it gets traffic; none where none serve.
    """
    if whole == 0:
        return 0
    return max(1, -(-whole * weight // 100))


def carried_by(whole: int, pods: int) -> int:
    """The largest weight, in percent, that so many pods carry of a load that `whole` pods carry."""
    return 100 if pods >= whole else 100 * pods // whole


def requests_at(concurrency: float, weight: float, wanted: int) -> float:
    """The requests under way at one weight, from those at another one that is not 0: Little's law, L = lambda * W.

    With the latency W of the version itself they are in proportion to its traffic lambda.
    """
    return concurrency * wanted / weight


def pods_by_littles_law(concurrency: float, target: float) -> int:
    """The pods for so many requests under way: ceil(concurrency / (target concurrency per pod * 0.7))."""
    # A product of the target and 0.7 is a little off, and would ask for a pod more.
    return max(1, math.ceil(concurrency * 10 / (target * round(HEADROOM * 10))))


@dataclass(frozen=True, slots=True)
class Pods:
    """A version's pods: how many there are meant to be, and how many of them are Ready."""

    asked: int
    ready: int


@dataclass(frozen=True, slots=True)
class Shift:
    """Traffic that is to move.

    whole: the pods that carry the whole load.
    weight, wanted: the candidate's share of the traffic in percent, as the route has it and as it shall be.
    most: pods there may be, of all versions together.
    leaving: pods of other versions that still are there, and go by themselves: they take up room until then.
    needed: what the candidate needs at the wanted weight, if that is more than its share of `whole`.
    """

    whole: int
    weight: int
    wanted: int
    most: int
    leaving: int = 0
    needed: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """What comes next: the pods that either version is meant to have, and the candidate's weight.

    Fewer pods than there are wait until the requests of the time before have drained.
    """

    candidate: int
    stable: int
    weight: int


def next_move(shift: Shift, candidate: Pods, stable: Pods) -> Move:
    """The next thing to do on the way to a weight, up or down, so that nobody ever lacks pods for its traffic.

    Who takes traffic gets as many pods as there is room for; once all of them are Ready the weight goes as far as they
    carry; who gives traffic keeps the pods for what it has by now. So at every weight that is written, stable has
    ceil(S * (100 - w) / 100) Ready pods and the candidate ceil(S * w / 100), if they had them before.

    A percent of the traffic is the smallest move. Where not even that fits, it takes the pods that it needs: one more
    than there is room for in a load of up to a hundred pods, or else about a hundredth of them.
    """
    if shift.wanted >= shift.weight:
        takes = _take(shift, candidate, stable, shift.weight, shift.wanted)
        return Move(takes.pods, pods_for(shift.whole, 100 - shift.weight), takes.share)
    takes = _take(shift, stable, candidate, 100 - shift.weight, 100 - shift.wanted)
    return Move(pods_for(shift.whole, shift.weight), takes.pods, 100 - takes.share)


@dataclass(frozen=True, slots=True)
class _Taken:
    pods: int
    share: int


def _take(shift: Shift, taker: Pods, giver: Pods, has: int, wanted: int) -> _Taken:
    whole = shift.whole
    kept = pods_for(whole, has) if has else 0
    enough = pods_for(whole, wanted)
    if shift.wanted >= shift.weight:
        enough = max(enough, shift.needed)
    room = shift.most - shift.leaving - giver.asked
    if giver.asked <= pods_for(whole, 100 - has) and has < wanted and not shift.leaving:
        room = max(room, pods_for(whole, has + 1))
    pods = max(kept, min(enough, room))
    if taker.ready < pods:
        return _Taken(pods, has)
    return _Taken(pods, max(has, min(wanted, carried_by(whole, min(taker.ready, pods)))))

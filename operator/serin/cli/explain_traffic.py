"""Who gets which requests: what is wanted, what the route says, what its proxy accepted, and what was counted."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from serin.api.base import format_duration
from serin.api.children import revision_name
from serin.api.status import SplitStatus
from serin.cli.explain_rollout import shown
from serin.cli.output import table, written
from serin.cli.stored import Stored
from serin.cli.stored_route import asked, desired
from serin.rollout.split import wanted_routing
from serin.traffic.acceptance import Acceptance
from serin.traffic.provider import Claim, Provider, Route
from serin.traffic.routing import Audience, Mirror, Routing, Stickiness

_DEVIATIONS = 1.959964
"""Of the normal distribution: 95 of 100 lie within."""


@dataclass(frozen=True)
class Traffic:
    """All that is known. written: what the route says; None where it is not there, or leads to none of the versions."""

    provider: Provider
    claim: Claim
    route: Route | None
    wanted: Routing
    written: Routing | None
    acceptance: Acceptance | None
    problem: str | None


def traffic_as_text(found: Stored, route: Route | None) -> str:
    """Version by version, and rule by rule, for people."""
    head = f"{found.key} is {found.status.phase.value}"
    if found.status.candidate:
        head += f", and version {found.status.candidate_version} is being rolled out"
    traffic = _traffic(found, route)
    if traffic is None:
        how = "weights are made by numbers of pods" if found.spec.traffic else "a new version takes over at once"
        return f"{head}\nThe Service {found.key.name} carries the traffic: {how}"
    parts = ["\n".join([head, *_where(traffic)]), _weights(found, traffic)]
    parts += ["\n".join(_rules(found, traffic)), "\n".join(_observed(found))]
    return "\n\n".join(part for part in parts if part)


def traffic_as_json(found: Stored, route: Route | None) -> dict[str, Any]:
    """The same for programs."""
    traffic = _traffic(found, route)
    split = found.status.analysis.split if found.status.analysis else None
    said = {"namespace": found.key.namespace, "name": found.key.name, "phase": found.status.phase.value}
    if traffic is None:
        return said | {"provider": None, "route": None, "observed": _split_as_json(split)}
    acceptance = traffic.acceptance
    return said | {
        "provider": found.spec.traffic.provider if found.spec.traffic else None,
        "route": {
            "kind": traffic.provider.KIND,
            "name": traffic.provider.route_name(traffic.claim),
            "own": traffic.provider.is_own(traffic.claim),
            "generation": traffic.route["metadata"].get("generation") if traffic.route else None,
            "accepted": acceptance.state.value if acceptance else None,
            "message": traffic.problem or (acceptance.message if acceptance else ""),
        },
        "wanted": _routing_as_json(traffic.wanted),
        "written": _routing_as_json(traffic.written),
        "observed": _split_as_json(split),
    }


def interval(share: float, requests: float) -> tuple[float, float]:
    """Where a share really is, in 95 of 100 cases, if it was seen in so many requests (Wilson, 1927)."""
    square = _DEVIATIONS**2
    middle = share + square / (2 * requests)
    reach = _DEVIATIONS * math.sqrt(share * (1 - share) / requests + square / (4 * requests**2))
    return max(0.0, (middle - reach) / (1 + square / requests)), min(1.0, (middle + reach) / (1 + square / requests))


def _traffic(found: Stored, route: Route | None) -> Traffic | None:
    named = asked(found)
    if named is None:
        return None
    provider, claim = named
    wanted = wanted_routing(desired(found), found.status)
    own = provider.is_own(claim)
    return Traffic(
        provider=provider,
        claim=claim,
        route=route,
        wanted=wanted,
        written=provider.read_routing(route, wanted.split) if route and wanted.split else None,
        acceptance=provider.acceptance(route) if route else None,
        problem=provider.problems(route, claim, wanted) if route and own and wanted.split else None,
    )


def _where(traffic: Traffic) -> Iterator[str]:
    whose = "one of your own" if traffic.provider.is_own(traffic.claim) else "which Serin makes"
    yield f"The {traffic.provider.KIND} {traffic.provider.route_name(traffic.claim)} carries the traffic, {whose}"
    if traffic.route is None:
        yield "It is not there"
        return
    if traffic.problem is not None:
        yield f"It cannot be used: {traffic.problem}"
    if traffic.acceptance is not None:
        told = traffic.provider.accepted_at(traffic.route)
        at = f", by {written(told)}" if told is not None else ""
        yield f"It is {traffic.acceptance.state.value}: {traffic.acceptance.message or 'nobody says more'}{at}"
    if traffic.written is not None and not traffic.written.split:
        yield "Its rules contradict each other: somebody else changed it, or it is just being written"
    elif traffic.written is not None and traffic.written != traffic.wanted:
        yield "It does not say yet what is wanted"


def _weights(found: Stored, traffic: Traffic) -> str:
    rows = []
    for entry in shown(found.status):
        service = revision_name(found.key.name, entry.revision)
        rows.append(
            (
                entry.role.value,
                entry.version,
                entry.revision,
                _percent(traffic.wanted, service),
                _percent(traffic.written, service),
            )
        )
    return table(("ROLE", "VERSION", "REVISION", "WANTED", "WRITTEN"), rows) if rows else ""


def _percent(routing: Routing | None, service: str) -> str:
    weight = routing.split.get(service) if routing is not None else None
    return "-" if weight is None else f"{weight} %"


def _rules(found: Stored, traffic: Traffic) -> Iterator[str]:
    """What leads requests beside the weights, wanted or still there."""
    has = traffic.written or Routing({})
    for audience in dict.fromkeys(map(_Said, (*traffic.wanted.audiences, *has.audiences))):
        one = audience.audience
        headers = " and ".join(f"{name}: {value}" for name, value in sorted(one.headers.items()))
        state = _state(one in traffic.wanted.audiences, one in has.audiences)
        yield f"Requests with {headers} reach {_version(found, one.service)}{state}"
    for mirror in dict.fromkeys(one for one in (traffic.wanted.mirror, has.mirror) if one is not None):
        state = _state(mirror == traffic.wanted.mirror, mirror == has.mirror)
        yield f"Copies of {mirror.percent} % of the requests reach {_version(found, mirror.service)}{state}"
    for sticky in dict.fromkeys(one for one in (traffic.wanted.stickiness, has.stickiness) if one is not None):
        state = _state(sticky == traffic.wanted.stickiness, sticky == has.stickiness)
        yield (
            f"Users stay with the version that answered them first for {format_duration(sticky.max_age)}, by the "
            f"cookie {sticky.cookie}{state}"
        )


@dataclass(frozen=True)
class _Said:
    """An audience that can be a key."""

    audience: Audience

    def __hash__(self) -> int:
        return hash((self.audience.service, tuple(sorted(self.audience.headers.items()))))


def _state(wanted: bool, there: bool) -> str:  # noqa: FBT001 - of each a word
    if wanted and there:
        return ""
    return " (not written yet)" if wanted else " (still there)"


def _version(found: Stored, service: str) -> str:
    versions = {revision_name(found.key.name, one.revision): one.version for one in found.status.revisions}
    return f"version {versions[service]}" if service in versions else service


def _observed(found: Stored) -> Iterator[str]:
    split = found.status.analysis.split if found.status.analysis and found.status.candidate else None
    if split is None:
        return
    expected = f"{split.expected * 100:.4g} %"
    if split.observed is None or not split.requests:
        yield f"{expected} of the requests should reach the candidate: too few were counted to say how many did"
        return
    low, high = interval(split.observed, split.requests)
    yield (
        f"Of {split.requests:.0f} requests {split.observed * 100:.3g} % reached the candidate (really {low * 100:.3g}"
        f" to {high * 100:.3g} %, 95 times of 100); {expected} should"
    )


def _routing_as_json(routing: Routing | None) -> dict[str, Any] | None:
    if routing is None:
        return None
    return {
        "split": dict(routing.split),
        "audiences": [{"service": one.service, "headers": dict(one.headers)} for one in routing.audiences],
        "mirror": _mirror_as_json(routing.mirror),
        "stickiness": _stickiness_as_json(routing.stickiness),
    }


def _mirror_as_json(mirror: Mirror | None) -> dict[str, Any] | None:
    return None if mirror is None else {"service": mirror.service, "percent": mirror.percent}


def _stickiness_as_json(sticky: Stickiness | None) -> dict[str, Any] | None:
    return None if sticky is None else {"cookie": sticky.cookie, "maxAge": format_duration(sticky.max_age)}


def _split_as_json(split: SplitStatus | None) -> dict[str, Any] | None:
    if split is None:
        return None
    known = split.observed is not None and split.requests > 0
    return split.to_dict() | {"interval": list(interval(split.observed or 0.0, split.requests)) if known else None}

"""The traffic that was decided, and whether the route has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from serin.api.children import revision_name
from serin.api.status import ModelDeploymentStatus, Phase
from serin.rollout.contest import Target
from serin.rollout.ratio import shares_by_replicas
from serin.rollout.world import Desired, World
from serin.traffic import service
from serin.traffic.acceptance import AcceptanceState
from serin.traffic.provider import Claim
from serin.traffic.providers import provider_of
from serin.traffic.routing import Audience, Mirror, Routing, Stickiness


@dataclass(frozen=True)
class Settlement:
    """Whether the route carries the decided split and was accepted with it.

    refused: the controller of the route, or the route itself, says no; waiting alone will not mend that.
    carried: the route leads all requests as decided: what is missing is a backend without traffic, or a word about it.
    accepted_at: when it was accepted at the latest, where the route tells.
    """

    settled: bool
    message: str = ""
    refused: bool = False
    carried: bool = False
    accepted_at: datetime | None = None


def wanted_split(status: ModelDeploymentStatus, name: str) -> dict[str, int]:
    """The decided weight, in percent, of each Service in the route, in the order of their names."""
    weights = {entry.revision: entry.weight for entry in status.revisions if entry.weight is not None}
    return {revision_name(name, revision): weights[revision] for revision in sorted(weights)}


def wanted_routing(desired: Desired, status: ModelDeploymentStatus) -> Routing:
    """All that the route shall say. A candidate that is rolled back has lost everything but its place."""
    spec, split = desired.spec, wanted_split(status, desired.owner.name)
    candidate = next((entry for entry in status.revisions if entry.revision == status.candidate), None)
    if candidate is None or candidate.weight is None or spec.strategy is None or status.phase is Phase.ROLLING_BACK:
        return Routing(split)
    service, strategy = revision_name(desired.owner.name, candidate.revision), spec.strategy
    audience = Audience(service, strategy.audience) if strategy.audience and candidate.previewed else None
    copied = status.step.mirror if status.step is not None and candidate.weight == 0 else 0
    sticky = strategy.stickiness if 0 < candidate.weight < 100 else None
    return Routing(
        split,
        audiences=(audience,) if audience else (),
        mirror=Mirror(service, copied) if copied else None,
        stickiness=Stickiness(sticky.cookie or f"serin-{desired.owner.name}", sticky.max_age) if sticky else None,
    )


def claim_of(desired: Desired) -> Claim | None:
    """Where the user wants the traffic written; None where the Service of the ModelDeployment's name carries it."""
    spec = desired.spec
    if spec.traffic is None or shares_by_replicas(spec):
        return None
    return Claim(desired.owner, spec.traffic, spec.service.port)


def carrier_of_traffic(desired: Desired) -> Target:
    """The object that carries the traffic: the route, or without one the Service of the ModelDeployment's name."""
    claim = claim_of(desired)
    if claim is None:
        return "Service", desired.owner.name
    provider = provider_of(claim.traffic)
    return provider.KIND, provider.route_name(claim)


def settlement(world: World, status: ModelDeploymentStatus) -> Settlement:
    """Compare what was decided with what the route has and its controller accepted."""
    wanted = wanted_split(status, world.desired.owner.name)
    if not wanted:
        return Settlement(settled=True)
    contest = world.observed.contests.get(carrier_of_traffic(world.desired))
    if contest is not None and contest.is_restless(world.now):
        return Settlement(settled=False, message=contest.words)
    claim = claim_of(world.desired)
    if claim is None:
        return _service_settlement(world, wanted)
    return _route_settlement(world, claim, wanted_routing(world.desired, status))


def _service_settlement(world: World, wanted: Mapping[str, int]) -> Settlement:
    name = world.desired.owner.name
    carrier = next((service_name for service_name, weight in wanted.items() if weight == 100), None)
    seen = world.observed.user_service
    selected = service.selected_revision(seen) if seen else None
    if selected is not None and revision_name(name, selected) == carrier:
        return Settlement(settled=True)
    if carrier is None and seen is not None and service.is_shared(seen, name):
        return Settlement(settled=True)
    if ("Service", name) in world.observed.taken:
        return Settlement(settled=False, message=f"the Service {name} belongs to somebody else", refused=True)
    selection = carrier or "the pods of both versions"
    return Settlement(settled=False, message=f"waiting for the Service {name} to select {selection}")


def _route_settlement(world: World, claim: Claim, wanted: Routing) -> Settlement:
    provider, route = provider_of(claim.traffic), world.observed.route
    own, name = provider.is_own(claim), f"the {provider.KIND} {provider.route_name(claim)}"
    if route is None:
        if own:
            return Settlement(settled=False, message=f"{name} is not there: create it", refused=True)
        return Settlement(settled=False, message=f"waiting for {name} to be made")
    if own:
        problem = provider.problems(route, claim, wanted)
        if problem:
            return Settlement(settled=False, message=problem, refused=True)
    elif (provider.KIND, provider.route_name(claim)) in world.observed.taken:
        return Settlement(settled=False, message=f"{name} belongs to somebody else", refused=True)
    read = provider.read_routing(route, wanted.split) or Routing({})
    carried = read.leads_as(wanted)
    if read != wanted:
        return Settlement(settled=False, message=f"waiting for {name} to be written", carried=carried)
    acceptance = provider.acceptance(route)
    if acceptance.state is AcceptanceState.ACCEPTED:
        return Settlement(settled=True, accepted_at=provider.accepted_at(route))
    return Settlement(
        settled=False,
        message=f"{provider.KIND} {provider.route_name(claim)}: {acceptance.message}",
        refused=acceptance.state is AcceptanceState.REFUSED,
        carried=carried,
    )

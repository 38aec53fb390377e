"""The traffic that was decided, and whether the route has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from serin.api.children import revision_name
from serin.api.spec import GatewayAPITraffic, ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus
from serin.rollout.contest import Target
from serin.rollout.world import World
from serin.traffic import gateway_api, service


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
    """The decided weight, in percent, of each Service in the route."""
    return {revision_name(name, entry.revision): entry.weight for entry in status.revisions if entry.weight is not None}


def route_name_of(spec: ModelDeploymentSpec, name: str) -> str:
    """The HTTPRoute that carries the traffic: the user's own, or one that bears the ModelDeployment's name."""
    own = spec.traffic.gateway_api.http_route if spec.traffic else None
    return own.name if own else name


def route_name(world: World) -> str:
    """The HTTPRoute that carries the traffic of this world's ModelDeployment."""
    return route_name_of(world.desired.spec, world.desired.owner.name)


def replaced_backend(world: World) -> str:
    """The backend of a user's own route whose place the revisions take."""
    traffic = world.desired.spec.traffic
    own = traffic.gateway_api.http_route if traffic else None
    return (own.backend if own else None) or world.desired.owner.name


def carrier_of_traffic(world: World) -> Target:
    """The object that carries the traffic: the route, or without one the Service of the ModelDeployment's name."""
    if world.desired.spec.traffic is None:
        return "Service", world.desired.owner.name
    return "HTTPRoute", route_name(world)


def settlement(world: World, status: ModelDeploymentStatus) -> Settlement:
    """Compare what was decided with what the route has and its controller accepted."""
    wanted = wanted_split(status, world.desired.owner.name)
    if not wanted:
        return Settlement(settled=True)
    contest = world.observed.contests.get(carrier_of_traffic(world))
    if contest is not None and contest.is_restless(world.now):
        return Settlement(settled=False, message=contest.words)
    traffic = world.desired.spec.traffic
    if traffic is None:
        return _service_settlement(world, wanted)
    return _route_settlement(world, traffic.gateway_api, wanted)


def _service_settlement(world: World, wanted: Mapping[str, int]) -> Settlement:
    name = world.desired.owner.name
    carrier = next((service_name for service_name, weight in wanted.items() if weight == 100), None)
    selected = service.selected_revision(world.observed.user_service) if world.observed.user_service else None
    if selected is not None and revision_name(name, selected) == carrier:
        return Settlement(settled=True)
    if ("Service", name) in world.observed.taken:
        return Settlement(settled=False, message=f"the Service {name} belongs to somebody else", refused=True)
    return Settlement(settled=False, message=f"waiting for the Service {name} to select {carrier}")


def _route_settlement(world: World, traffic: GatewayAPITraffic, wanted: Mapping[str, int]) -> Settlement:
    name, route = route_name(world), world.observed.route
    if route is None:
        if traffic.http_route is not None:
            return Settlement(settled=False, message=f"the HTTPRoute {name} is not there: create it", refused=True)
        return Settlement(settled=False, message=f"waiting for the HTTPRoute {name} to be made")
    if traffic.http_route is not None:
        problem = gateway_api.problems(
            route, replaced_backend(world), world.desired.spec.service.port, world.desired.owner.name
        )
        if problem:
            return Settlement(settled=False, message=problem, refused=True)
    elif ("HTTPRoute", name) in world.observed.taken:
        return Settlement(settled=False, message=f"the HTTPRoute {name} belongs to somebody else", refused=True)
    split = gateway_api.read_split(route, wanted) or {}
    carried = _with_traffic(split) == _with_traffic(wanted)
    if split != dict(wanted):
        return Settlement(settled=False, message=f"waiting for the HTTPRoute {name} to be written", carried=carried)
    acceptance = gateway_api.acceptance(route)
    if acceptance.state is gateway_api.AcceptanceState.ACCEPTED:
        return Settlement(settled=True, accepted_at=gateway_api.accepted_at(route))
    return Settlement(
        settled=False,
        message=f"HTTPRoute {name}: {acceptance.message}",
        refused=acceptance.state is gateway_api.AcceptanceState.REFUSED,
        carried=carried,
    )


def _with_traffic(split: Mapping[str, int]) -> dict[str, int]:
    return {name: weight for name, weight in split.items() if weight > 0}

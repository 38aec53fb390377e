"""For providers whose route Serin always makes itself: nothing of the user's is edited, nothing is to be given back."""

from serin.traffic.provider import Claim, JSONPatch, Route
from serin.traffic.routing import Routing


def is_own(claim: Claim) -> bool:  # noqa: ARG001 - as every provider has it
    """No route is the user's own."""
    return False


def edit_route(route: Route, claim: Claim, routing: Routing) -> JSONPatch:  # noqa: ARG001 - as every provider has it
    """Nothing is edited."""
    return []


def give_back(route: Route, model: str, *, patient: bool = True) -> JSONPatch:  # noqa: ARG001 - as every provider has it
    """Nothing is given back."""
    return []


def cannot_give_back(route: Route, model: str) -> str | None:  # noqa: ARG001 - as every provider has it
    """Nothing is lost."""
    return None


def problems(route: Route, claim: Claim, routing: Routing) -> str | None:  # noqa: ARG001 - as every provider has it
    """A route of Serin's own has no problems."""
    return None

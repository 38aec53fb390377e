"""What each traffic provider supports. Another provider is one module and one row here."""

from dataclasses import dataclass

from serin.api.spec import Traffic


@dataclass(frozen=True)
class Provider:
    """One way to give versions their share of the requests.

    kind: the object that bears the weights.
    any_weight: any whole percent; else all or nothing, so that a version takes over at once.
    told: the object's own status tells when a split was taken up; else it counts as soon as it is written.
    """

    name: str
    kind: str
    any_weight: bool
    told: bool


SERVICE = Provider("Service", kind="Service", any_weight=False, told=False)
GATEWAY_API = Provider("GatewayAPI", kind="HTTPRoute", any_weight=True, told=True)

_BY_FIELD = {"gateway_api": GATEWAY_API}


def provider_of(traffic: Traffic | None) -> Provider:
    """The provider that a ModelDeployment's `spec.traffic` names; the plain Service if it names none."""
    if traffic is None:
        return SERVICE
    return next(row for field, row in _BY_FIELD.items() if getattr(traffic, field) is not None)

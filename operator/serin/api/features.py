"""What the traffic providers can do, and the rules that refuse at apply what one of them cannot."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from serin.api.rules import Rule


class Feature(StrEnum):
    """Something that a strategy may ask of a provider; the value is what the provider does then."""

    WEIGHTS = "split the requests by weights"
    HEADERS = "send requests that bear a header to one version"
    SEVERAL_HEADERS = "send requests that bear several headers at once to one version"
    MIRROR = "mirror requests"
    STICKINESS = "keep users with the version that answered them first"


FEATURES: Mapping[str, frozenset[Feature]] = {
    "gatewayAPI": frozenset({Feature.WEIGHTS}),
    "istio": frozenset(Feature),
}
"""By the field of `spec.traffic`."""

LACKS: Mapping[tuple[str, Feature], str] = {
    ("gatewayAPI", Feature.HEADERS): "Serin writes weights alone there",
    ("gatewayAPI", Feature.SEVERAL_HEADERS): "Serin writes weights alone there",
    ("gatewayAPI", Feature.MIRROR): "Serin writes weights alone there",
    ("gatewayAPI", Feature.STICKINESS): "Serin writes weights alone there",
}
"""Why a provider cannot."""


@dataclass(frozen=True)
class Need:
    """A part of the spec that asks a feature of the provider.

    field: its path in the spec (`.strategy.preview`). cel, asks: whether a spec asks for it, in CEL (`self` is the
    spec) and in Python.
    """

    feature: Feature
    field: str
    cel: str
    asks: Callable[[Any], bool]


NEEDS: tuple[Need, ...] = ()


def feature_rules(needs: Iterable[Need]) -> tuple[Rule, ...]:
    """A rule of the spec for each need and each provider that cannot meet it."""
    return tuple(rule for need in needs for rule in _rules_of(need))


def _rules_of(need: Need) -> Iterator[Rule]:
    able = [name for name, features in FEATURES.items() if need.feature in features]
    for name, features in FEATURES.items():
        if need.feature not in features:
            yield Rule(
                f"!has(self.traffic) || !has(self.traffic.{name}) || !({need.cel})",
                partial(_may, need, name),
                f"traffic.{name} cannot {need.feature}: {LACKS[name, need.feature]}. Use traffic.{' or '.join(able)},"
                f" or leave {need.field.removeprefix('.')} out",
                field=need.field,
            )


def _may(need: Need, provider: str, spec: Any) -> bool:
    """Whether a spec asks a provider for nothing that it cannot do, as far as the need goes."""
    return spec.traffic is None or provider not in spec.traffic.given or not need.asks(spec)

"""What the traffic providers can do, and the rules that refuse at apply what one of them cannot."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from serin.api.rules import Rule
from serin.api.traffic import PROXY_PRESETS


class Feature(StrEnum):
    """Something that a strategy may ask of a provider; the value is what the provider does then."""

    WEIGHTS = "split the requests by weights"
    HEADERS = "send requests that bear a header to one version"
    SEVERAL_HEADERS = "send requests that bear several headers at once to one version"
    MIRROR = "mirror requests"
    MIRROR_SHARE = "mirror a part of the requests"
    STICKINESS = "keep users with the version that answered them first"


@dataclass(frozen=True)
class Lack:
    """Something that a provider cannot do.

    why: completes `traffic.traefik cannot mirror requests: `.
    proxy: it is this proxy's lack (`traffic.metrics`); others by the same provider can.
    """

    why: str
    proxy: str | None = None


_ALL_OR_NOTHING = Lack("Contour copies all requests or none, whatever percent says", proxy="contour")
_NO_MATCH = Lack("what a request must bear is said in your IngressRoute, and a TraefikService cannot")

LACKS: Mapping[str, Mapping[Feature, Lack]] = {
    "gatewayAPI": {Feature.MIRROR_SHARE: _ALL_OR_NOTHING},
    "istio": {},
    "replicas": dict.fromkeys(
        set(Feature) - {Feature.WEIGHTS}, Lack("there is no proxy, and a Service knows nothing of requests")
    ),
    "traefik": {Feature.HEADERS: _NO_MATCH, Feature.SEVERAL_HEADERS: _NO_MATCH},
}
"""What each provider cannot do, by the field of `spec.traffic`."""

FEATURES: Mapping[str, frozenset[Feature]] = {
    name: frozenset(Feature) - {feature for feature, lack in lacks.items() if lack.proxy is None}
    for name, lacks in LACKS.items()
}
"""What each provider can do, by the field of `spec.traffic`; with some proxies one of them can less."""


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


_STRATEGY = "self.?strategy"

NEEDS: tuple[Need, ...] = (
    Need(
        Feature.HEADERS,
        ".strategy.preview",
        f"{_STRATEGY}.?preview.hasValue()",
        lambda spec: spec.strategy is not None and spec.strategy.preview is not None,
    ),
    Need(
        Feature.SEVERAL_HEADERS,
        ".strategy.preview.headers",
        f"{_STRATEGY}.?preview.?headers.orValue({{}}).size() > 1",
        lambda spec: spec.strategy is not None and spec.strategy.previews_by_several_headers,
    ),
    Need(
        Feature.MIRROR,
        ".strategy.blueGreen.mirror",
        f"{_STRATEGY}.?blueGreen.?mirror.hasValue()",
        lambda spec: spec.strategy is not None and spec.strategy.copies_before_switch is not None,
    ),
    Need(
        Feature.MIRROR_SHARE,
        ".strategy.blueGreen.mirror",
        f"{_STRATEGY}.?blueGreen.?mirror.orValue(100) < 100",
        lambda spec: spec.strategy is not None and (spec.strategy.copies_before_switch or 100) < 100,
    ),
    Need(
        Feature.MIRROR,
        ".strategy.type",
        f"{_STRATEGY}.?type.orValue('Canary') == 'Shadow'",
        lambda spec: spec.strategy is not None and spec.strategy.type == "Shadow",
    ),
    Need(
        Feature.MIRROR_SHARE,
        ".strategy.shadow.percent",
        f"{_STRATEGY}.?shadow.?percent.orValue(100) < 100",
        lambda spec: (
            spec.strategy is not None and spec.strategy.shadow is not None and spec.strategy.shadow.percent < 100
        ),
    ),
    Need(
        Feature.STICKINESS,
        ".strategy.canary.stickiness",
        f"{_STRATEGY}.?canary.?stickiness.hasValue()",
        lambda spec: (
            spec.strategy is not None
            and spec.strategy.canary is not None
            and spec.strategy.canary.stickiness is not None
        ),
    ),
    Need(
        Feature.STICKINESS,
        ".strategy.abTest.stickiness",
        f"{_STRATEGY}.?abTest.?stickiness.hasValue()",
        lambda spec: (
            spec.strategy is not None
            and spec.strategy.ab_test is not None
            and spec.strategy.ab_test.stickiness is not None
        ),
    ),
    Need(
        Feature.HEADERS,
        ".strategy.abTest.audience",
        f"{_STRATEGY}.?abTest.?audience.hasValue()",
        lambda spec: _headers_of_audience(spec) > 0,
    ),
    Need(
        Feature.SEVERAL_HEADERS,
        ".strategy.abTest.audience.headers",
        f"{_STRATEGY}.?abTest.?audience.?headers.orValue({{}}).size() > 1",
        lambda spec: _headers_of_audience(spec) > 1,
    ),
)


def _headers_of_audience(spec: Any) -> int:
    audience = spec.strategy.ab_test.audience if spec.strategy is not None and spec.strategy.ab_test else None
    return len(audience.headers) if audience is not None else 0


def feature_rules(needs: Iterable[Need]) -> tuple[Rule, ...]:
    """A rule of the spec for each need and each provider that cannot meet it."""
    return tuple(rule for need in needs for rule in (*_rules_of(need), *_rules_of_grpc(need)))


def _rules_of(need: Need) -> Iterator[Rule]:
    able = [f"traffic.{name}" for name, lacks in LACKS.items() if need.feature not in lacks]
    for name, lacks in LACKS.items():
        if need.feature in lacks:
            lack = lacks[need.feature]
            unless = (
                f" || self.traffic.?metrics.orValue('{PROXY_PRESETS[name]}') != '{lack.proxy}'" if lack.proxy else ""
            )
            yield Rule(
                f"!has(self.traffic) || !has(self.traffic.{name}) || !({need.cel}){unless}",
                partial(_may, need, name, lack),
                f"traffic.{name} cannot {need.feature}: {lack.why}. Use {' or '.join(able)}, or leave"
                f" {need.field.removeprefix('.')} out",
                field=need.field,
            )


def _rules_of_grpc(need: Need) -> Iterator[Rule]:
    """What a GRPCRoute lacks, where an HTTPRoute of the same provider does not."""
    if need.feature is Feature.STICKINESS:
        yield Rule(
            "!(self.?traffic.?gatewayAPI.?grpcRoute.hasValue()"
            f" || self.?traffic.?gatewayAPI.?protocol.orValue('HTTP') == 'GRPC') || !({need.cel})",
            partial(_may_by_grpc, need),
            f"a GRPCRoute cannot {need.feature}: clients of gRPC keep no cookies. Leave"
            f" {need.field.removeprefix('.')} out",
            field=need.field,
        )


def _may_by_grpc(need: Need, spec: Any) -> bool:
    return spec.traffic is None or not spec.traffic.is_grpc or not need.asks(spec)


def _may(need: Need, provider: str, lack: Lack, spec: Any) -> bool:
    """Whether a spec asks a provider for nothing that it lacks, as far as the need goes."""
    traffic = spec.traffic
    if traffic is None or provider not in traffic.given or not need.asks(spec):
        return True
    return lack.proxy is not None and traffic.proxy != lack.proxy

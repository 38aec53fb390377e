"""What a provider cannot do is refused at apply, with the reason and the providers that can."""

from types import SimpleNamespace
from typing import Any

import pytest

from serin.api.features import FEATURES, LACKS, Feature, Need, feature_rules
from serin.api.rules import Rule
from serin.api.spec import Traffic
from serin.api.traffic import PROVIDER_FIELDS, PROXY_PRESETS
from serin.traffic.providers import GRPC, PROVIDERS

GIVEN: dict[str, dict[str, Any]] = {
    "gatewayAPI": {"parentRefs": [{"name": "edge"}]},
    "istio": {"hosts": ["fraud.example.com"]},
    "traefik": {},
    "replicas": {},
}


def need(feature: Feature) -> Need:
    """A need of whatever has `asked` set."""
    return Need(feature, ".strategy.asked", "self.strategy.asked", lambda spec: spec.asked)


def spec(provider: str | None, *, asked: bool = True, **more: Any) -> Any:
    """A spec that asks for it."""
    traffic = Traffic.model_validate({provider: GIVEN[provider], **more}) if provider else None
    return SimpleNamespace(traffic=traffic, asked=asked)


def broken(feature: Feature, asking: Any) -> list[Rule]:
    """The rules that it breaks."""
    return [rule for rule in feature_rules([need(feature)]) if rule.holds is not None and not rule.holds(asking)]


def test_the_tables_have_a_row_for_each_provider() -> None:
    assert LACKS.keys() == FEATURES.keys() == PROVIDER_FIELDS.keys() == GIVEN.keys()
    assert PROVIDERS.keys() - {GRPC} == PROXY_PRESETS.keys() == PROVIDER_FIELDS.keys() - {"replicas"}


def test_every_provider_splits_by_weights() -> None:
    assert all(Feature.WEIGHTS in features for features in FEATURES.values())


def test_every_feature_is_had_somewhere() -> None:
    assert {feature for features in FEATURES.values() for feature in features} == set(Feature)


@pytest.mark.parametrize("provider", FEATURES)
@pytest.mark.parametrize("feature", Feature)
def test_what_a_provider_lacks_is_refused_and_nothing_else(provider: str, feature: Feature) -> None:
    assert bool(broken(feature, spec(provider))) is (feature in LACKS[provider])
    assert not broken(feature, spec(provider, asked=False))
    assert not broken(feature, spec(None))


def test_a_refusal_tells_the_reason_and_who_can() -> None:
    (rule,) = broken(Feature.HEADERS, spec("traefik"))
    assert rule.message == (
        "traffic.traefik cannot send requests that bear a header to one version: what a request must bear is said in "
        "your IngressRoute, and a TraefikService cannot. Use traffic.gatewayAPI or traffic.istio, or leave "
        "strategy.asked out"
    )
    assert rule.field == ".strategy.asked"
    assert rule.cel == "!has(self.traffic) || !has(self.traffic.traefik) || !(self.strategy.asked)"

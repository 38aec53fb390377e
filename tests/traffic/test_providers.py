from serin.api.spec import Traffic
from serin.traffic.providers import GATEWAY_API, SERVICE, provider_of


def test_without_traffic_a_version_takes_over_at_once() -> None:
    assert provider_of(None) is SERVICE
    assert not SERVICE.any_weight


def test_every_field_of_traffic_is_a_provider() -> None:
    traffic = Traffic.model_validate({"gatewayAPI": {"parentRefs": [{"name": "edge"}]}})
    assert provider_of(traffic) is GATEWAY_API
    assert GATEWAY_API.any_weight
    assert GATEWAY_API.told
    assert set(Traffic.model_fields) == {"gateway_api"}

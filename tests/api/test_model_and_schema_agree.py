"""Model and API server take the same manifests: whatever gets in can be read, whatever can be read gets in."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from serin.api.names import GROUP, VERSION
from serin.api.spec import ModelDeploymentSpec

pytestmark = pytest.mark.cluster


def mostly(good: st.SearchStrategy[Any], *odd: object) -> st.SearchStrategy[Any]:
    """A good value four times of five, else an odd one."""
    return st.integers(min_value=0, max_value=4).flatmap(lambda dice: good if dice else st.sampled_from(odd))


def part(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of its optional fields."""
    return st.fixed_dictionaries(required, optional=optional)


DURATIONS = mostly(
    st.sampled_from(["1s", "30s", "5m", "1h30m", "250ms", "1.5h"]), "0s", "9000h", "5", "1d", "-1s", 5, "1h\n"
)
SHARES = mostly(st.sampled_from(["1%", "0.05", "95%", "0.5%"]), "0%", "100%", "1", "0", "101%", "2", 0.5, "00%")
WEIGHTS = mostly(st.integers(min_value=1, max_value=100), 0, 101, "5")
NAMES = mostly(st.sampled_from(["fraud", "my-gateway"]), "", "Fraud", "a.b", "-a", "a" * 64)

STEP = st.one_of(
    part({"weight": WEIGHTS}, {"hold": DURATIONS}),
    part({"pause": part({}, {"duration": DURATIONS})}, {}),
    part({"ramp": part({"from": WEIGHTS, "to": WEIGHTS, "over": DURATIONS}, {})}, {}),
    part({}, {"weight": WEIGHTS, "pause": part({}, {}), "hold": DURATIONS}),
)
RISING = st.lists(st.integers(min_value=1, max_value=100), min_size=1, max_size=5).map(
    lambda weights: [{"weight": weight} for weight in sorted(weights)]
)
STRATEGY = part({}, {"canary": part({}, {"steps": st.one_of(RISING, st.lists(STEP, max_size=5))})})
QUERIES = mostly(
    st.sampled_from(['rate(x_total{revision="$revision"}[$window])', "sum($service)", 'x{pod=~"$workload.+", a="\n"}']),
    "up",
    "$revision $",
    "$revisions",
    "${revision}",
    "$$revision",
    "$revision$windowé",
    "$revision_",
    "",
    "$version" + "x" * 2041,
    5,
)
NUMBERS = mostly(
    st.sampled_from(["0.2", "5", "0.000001", "00.5"]), "0", "0.0", "1", "-1", "5%", ".5", "1e3", "1\n", 0.2, ""
)
INCREASE = part({}, {"absolute": st.one_of(SHARES, NUMBERS), "relative": SHARES})
RATIO = part({"bad": QUERIES, "total": QUERIES}, {})
MEAN = part({"sum": QUERIES, "count": QUERIES}, {"squares": QUERIES})
DISTRIBUTION = part({"counts": QUERIES}, {"bin": mostly(st.sampled_from(["le", "class"]), "le,pod", "", "9")})
BUILT_IN = st.sampled_from(["error-rate", "latency", "accuracy", "prediction-drift", "input-drift"])
METRIC = part(
    {"name": mostly(BUILT_IN, "precision", "Precision", "-a", "")},
    {
        "threshold": st.one_of(SHARES, DURATIONS),
        "quantile": SHARES,
        "delta": SHARES,
        "maxIncrease": INCREASE,
        "maxPSI": NUMBERS,
        "maxKS": NUMBERS,
        "of": mostly(st.just("Classes"), "Logits"),
        "feature": mostly(st.just("amount"), 'a"', ""),
        "ratio": RATIO,
        "direction": mostly(st.just("HigherIsBetter"), "Up"),
        "source": mostly(st.just("Server"), "Gateway", "Proxy"),
        "action": mostly(st.sampled_from(["Rollback", "Warn"]), "Page"),
        "critical": mostly(st.booleans(), "true"),
        "weight": mostly(st.integers(min_value=1, max_value=100), 0, 101, 1.5),
    },
)
QUERY = 'sum(increase(x_total{revision="$revision"}[$window]))'
GOOD_METRICS: list[dict[str, Any]] = [
    {"name": "error-rate", "threshold": "2%"},
    {"name": "error-rate", "maxIncrease": {"absolute": "0.5%", "relative": "10%"}},
    {"name": "latency", "threshold": "250ms", "quantile": "0.9"},
    {"name": "latency", "threshold": "250ms", "maxIncrease": {"absolute": "1%"}},
    {"name": "accuracy", "delta": "1%"},
    {"name": "prediction-drift", "maxPSI": "0.2", "of": "Scores"},
    {"name": "input-drift", "feature": "amount", "maxJS": "0.1", "action": "Rollback", "weight": 2},
    {"name": "refusals", "ratio": {"bad": QUERY, "total": QUERY}, "delta": "2%", "critical": True},
    {
        "name": "tokens",
        "mean": {"sum": QUERY, "count": QUERY, "squares": QUERY},
        "maxIncrease": {"absolute": "5"},
        "direction": "HigherIsBetter",
    },
    {"name": "gpu", "gauge": QUERY, "maxIncrease": {"absolute": "0.1"}},
    {"name": "lengths", "distribution": {"counts": QUERY, "bin": "le"}, "maxKS": "0.2"},
]
GOOD_METRIC = st.sampled_from(GOOD_METRICS)
# A sound metric with one odd field: most contradictions are between two fields.
ODD_FIELDS = {
    "threshold": st.one_of(SHARES, DURATIONS),
    "quantile": SHARES,
    "delta": SHARES,
    "maxIncrease": INCREASE,
    "maxPSI": NUMBERS,
    "maxKL": NUMBERS,
    "maxJS": NUMBERS,
    "maxKS": NUMBERS,
    "of": st.just("Classes"),
    "feature": st.just("amount"),
    "ratio": RATIO,
    "mean": MEAN,
    "gauge": QUERIES,
    "distribution": DISTRIBUTION,
    "direction": st.just("LowerIsBetter"),
    "source": st.just("Gateway"),
    "action": st.sampled_from(["Rollback", "Warn"]),
    "critical": st.booleans(),
    "weight": st.integers(min_value=0, max_value=3),
    "name": mostly(BUILT_IN, "refusals"),
}
ODD_FIELD = st.sampled_from(sorted(ODD_FIELDS)).flatmap(lambda key: st.tuples(st.just(key), ODD_FIELDS[key]))
ALMOST_GOOD_METRIC = st.tuples(GOOD_METRIC, ODD_FIELD).map(lambda pair: {**pair[0], pair[1][0]: pair[1][1]})
ANALYSIS = part(
    {"metrics": st.lists(st.one_of(GOOD_METRIC, ALMOST_GOOD_METRIC, METRIC), max_size=3)},
    {
        "interval": DURATIONS,
        "maxDuration": DURATIONS,
        "watch": DURATIONS,
        "confidence": mostly(
            st.sampled_from(["0.95", "95%", "0.5", "99.9%", "50%"]), "1", "0.49", "100%", "0.4999", "49.9%", "0", 0.95
        ),
        "prometheus": mostly(st.just("default"), "http://a", ""),
        "confirm": mostly(st.integers(min_value=1, max_value=100), 0, 101, "3"),
    },
)
PARENTS = st.lists(part({"name": NAMES}, {"namespace": NAMES}), max_size=2)
TRAFFIC = st.one_of(
    st.just({"gatewayAPI": {"httpRoute": {"name": "fraud"}}}),
    part(
        {
            "gatewayAPI": part(
                {},
                {
                    "httpRoute": part({"name": NAMES}, {"backend": NAMES}),
                    "parentRefs": PARENTS,
                    "hostnames": st.lists(mostly(st.just("*.example.com"), "https://a.b", "a_b"), max_size=2),
                },
            )
        },
        {},
    ),
)
VERSIONS = mostly(st.sampled_from(["1", "2.1.0", "v2.1", "2.1.0-rc.1+b"]), "latest", "2.1.0-", "", "1.2.3.4", 2.1)
MODEL = part(
    {"version": VERSIONS},
    {
        "uri": mostly(st.just("models:/fraud/7"), "fraud/7", "s3://a b", ""),
        "digest": mostly(st.just("sha256:" + "0" * 64), "sha256:0"),
    },
)
LABELS = st.dictionaries(st.sampled_from(["app", "serin.dev/model"]), mostly(st.just("fraud"), 5, "a" * 64))
TEMPLATE = st.one_of(
    st.just({"spec": {"containers": [{"name": "server"}]}}),
    part(
        {"spec": part({}, {"containers": st.lists(st.just({"name": "server"}), max_size=2)})},
        {"metadata": part({}, {"labels": LABELS})},
    ),
)
SPEC = part(
    {"model": MODEL, "template": TEMPLATE},
    {
        "traffic": TRAFFIC,
        "strategy": STRATEGY,
        "server": mostly(st.sampled_from(["vllm", "kserve-v2"]), "vLLM", "", "a" * 64),
        "analysis": ANALYSIS,
        "replicas": mostly(st.integers(min_value=0, max_value=9), -1, 10_001, "2", 2.5, True),
        "paused": mostly(st.booleans(), "yes", "true", 1),
        "rollback": part({}, {"keepWarm": DURATIONS, "drain": DURATIONS}),
        "progressDeadline": DURATIONS,
        "service": part({}, {"port": mostly(st.just(80), 0, 65536, 80.0)}),
    },
)
# One odd part in a spec that is sound otherwise: else hardly any spec is sound, and rules hide behind each other.
SOUND: dict[str, Any] = {
    "model": {"version": "2.1.0"},
    "template": {"spec": {"containers": [{"name": "server"}]}},
    "traffic": {"gatewayAPI": {"httpRoute": {"name": "fraud"}}},
    "strategy": {"canary": {"steps": [{"weight": 5}, {"ramp": {"from": 10, "to": 50, "over": "1h"}}]}},
    "analysis": {"metrics": [{"name": "latency", "threshold": "250ms"}]},
}
ONE_PART = SPEC.flatmap(
    lambda spec: st.sampled_from(sorted(spec)).map(lambda key: copy.deepcopy(SOUND) | {key: spec[key]})
)


def model_takes(spec: dict[str, Any]) -> bool:
    """Whether the models can read it."""
    try:
        ModelDeploymentSpec.model_validate(spec)
    except ValidationError:
        return False
    return True


@pytest.fixture(scope="session")
def server(cluster: Any, installed: object) -> Any:
    """The API server's endpoint for custom objects."""
    from kubernetes.client import CustomObjectsApi
    from kubernetes.config import new_client_from_config

    with new_client_from_config(str(cluster.kubeconfig)) as client:
        yield CustomObjectsApi(client)


def server_takes(server: Any, spec: dict[str, Any]) -> tuple[bool, str]:
    """Whether the API server takes it, and what it says."""
    from kubernetes.client import ApiException

    manifest = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "ModelDeployment", "metadata": {"name": "fraud"}}
    arguments = (GROUP, VERSION, "default", "modeldeployments", manifest | {"spec": spec})
    try:
        server.create_namespaced_custom_object(*arguments, dry_run="All", field_validation="Strict")
    except ApiException as error:
        answer = f"{error.status}: {error.body}"
        assert answer.startswith("422: "), answer
        return False, answer
    return True, "taken"


FROM_A_FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=400, suppress_health_check=FROM_A_FIXTURE)
@given(spec=st.one_of(ONE_PART, SPEC))
def test_the_api_server_takes_what_the_models_take_and_nothing_else(server: Any, spec: dict[str, Any]) -> None:
    taken, answer = server_takes(server, spec)
    assert taken == model_takes(spec), answer


@settings(max_examples=400, suppress_health_check=FROM_A_FIXTURE)
@given(metric=ALMOST_GOOD_METRIC)
def test_they_take_the_same_metrics(server: Any, metric: dict[str, Any]) -> None:
    spec = copy.deepcopy(SOUND) | {"analysis": {"metrics": [metric]}}
    taken, answer = server_takes(server, spec)
    assert taken == model_takes(spec), answer


@pytest.mark.parametrize("metric", GOOD_METRICS, ids=lambda metric: metric["name"])
def test_they_take_every_kind_of_metric(server: Any, metric: dict[str, Any]) -> None:
    spec = copy.deepcopy(SOUND) | {"analysis": {"metrics": [metric]}}
    assert server_takes(server, spec) == (True, "taken")
    assert model_takes(spec)

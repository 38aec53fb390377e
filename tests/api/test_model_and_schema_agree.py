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
LABEL_MAP = st.dictionaries(st.sampled_from(["queue", "app"]), mostly(st.just("orders"), 5, "a" * 64))
RISING = st.lists(st.integers(min_value=1, max_value=100), min_size=1, max_size=5).map(
    lambda weights: [{"weight": weight} for weight in sorted(weights)]
)
GOAL = part(
    {
        "metric": mostly(st.sampled_from(["error-rate", "latency", "sales"]), "accuracy", "Sales", ""),
        "minimumEffect": part({}, {"absolute": SHARES, "relative": SHARES}),
    },
    {
        "significance": mostly(
            st.sampled_from(["0.05", "1%", "0.5", "49.9%", "50.0%"]), "0.51", "51%", "0", "0.0", 0.1
        ),
        "power": mostly(st.sampled_from(["0.8", "50%", "0.5", "99.9%"]), "0.49", "1", "100%", "9%", 0.8),
    },
)
AB_TEST = part(
    {"goal": GOAL},
    {
        "weight": mostly(st.integers(min_value=1, max_value=99), 0, 100, "50"),
        "stickiness": part({}, {"maxAge": DURATIONS}),
        "maxDuration": DURATIONS,
        "winner": mostly(st.sampled_from(["Promote", "Keep"]), "Discard"),
    },
)
STRATEGY = part(
    {},
    {
        "type": mostly(st.sampled_from(["Canary", "ABTest"]), "Test"),
        "abTest": AB_TEST,
        "canary": part({}, {"steps": st.one_of(RISING, st.lists(STEP, max_size=5))}),
        "capacity": mostly(st.sampled_from(["Surge", "Rebalance"]), "Recreate"),
        "maxSurgeReplicas": mostly(st.integers(min_value=1, max_value=9), 0, 10_001, "1"),
    },
)
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
RATIO = st.one_of(
    part({"bad": QUERIES, "total": QUERIES}, {}),
    part({"total": QUERIES}, {"good": QUERIES, "bad": QUERIES}),
)
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
    {"name": "sales", "ratio": {"good": QUERY, "total": QUERY}, "delta": "2%"},
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
COUNTS = mostly(st.integers(min_value=1, max_value=9), 0, -1, 10_001, "2", 2.5)
QUANTITIES = mostly(
    st.sampled_from(["10", "500m", "2Gi", ".5", "1e3"]), "0", "0m", "-1", "+1", "1.", "10 MB", "", "10\n", "٣", 10, 0.5
)
PERCENTS = mostly(st.integers(min_value=1, max_value=200).map("{}%".format), "0%", "70", "070%", "9999%", "1e2%", 70)
TARGET = mostly(
    st.one_of(
        QUANTITIES.map(lambda amount: {"type": "Value", "value": amount}),
        QUANTITIES.map(lambda amount: {"type": "AverageValue", "averageValue": amount}),
        COUNTS.map(lambda amount: {"type": "Utilization", "averageUtilization": amount}),
    ),
    {"type": "Value"},
    {"type": "Value", "averageValue": "1"},
    {"type": "Utilization", "averageUtilization": 70, "value": "1"},
    {"value": "1"},
)
EXPRESSION = part(
    {"key": mostly(st.just("queue"), "")},
    {
        "operator": mostly(st.sampled_from(["In", "NotIn", "Exists"]), "Is"),
        "values": st.lists(st.just("a"), max_size=2),
    },
)
SELECTOR = part({}, {"matchLabels": LABEL_MAP, "matchExpressions": st.lists(EXPRESSION, max_size=2)})
IDENTIFIER = part({"name": mostly(st.just("rps"), "")}, {"selector": SELECTOR})
SOURCES = {
    "resource": part({"name": mostly(st.just("cpu"), "CPU", ""), "target": TARGET}, {}),
    "containerResource": part({"name": st.just("cpu"), "container": NAMES, "target": TARGET}, {}),
    "pods": part({"metric": IDENTIFIER, "target": TARGET}, {}),
    "object": part(
        {
            "describedObject": part({"kind": st.just("Ingress"), "name": NAMES}, {"apiVersion": st.just("v1")}),
            "metric": IDENTIFIER,
            "target": TARGET,
        },
        {},
    ),
    "external": part({"metric": IDENTIFIER, "target": TARGET}, {}),
    "prometheus": part(
        {"target": TARGET},
        {"metric": mostly(st.just("queue-length"), "latency"), "query": QUERIES, "server": NAMES},
    ),
}
SCALING_METRIC = st.one_of(
    *(
        source.map(lambda body, name=name: {"type": name[0].upper() + name[1:], name: body})  # type: ignore[misc]
        for name, source in SOURCES.items()
    ),
    part({"type": mostly(st.just("Resource"), "Moon")}, SOURCES),
)
SCALING_RULES = part(
    {},
    {
        "stabilizationWindowSeconds": mostly(st.integers(min_value=0, max_value=3600), -1, 3601, "5m"),
        "selectPolicy": mostly(st.sampled_from(["Max", "Min", "Disabled"]), "Mean"),
        "policies": st.lists(
            part(
                {"type": mostly(st.just("Pods"), "Nodes"), "value": COUNTS},
                {"periodSeconds": mostly(st.integers(min_value=1, max_value=1800), 0, 1801)},
            ),
            max_size=2,
        ),
        "tolerance": QUANTITIES,
    },
)
THRESHOLDS: dict[str, Any] = {"cpu": PERCENTS, "memory": PERCENTS, "queueLength": COUNTS, "runningRequests": COUNTS}
LONG_FORM = {
    "metrics": st.lists(SCALING_METRIC, max_size=2),
    "behavior": part({}, {"scaleUp": SCALING_RULES, "scaleDown": SCALING_RULES}),
}
SHORT_FORM = {
    "scaleUpAbove": part({}, THRESHOLDS),
    "scaleDownBelow": part({}, THRESHOLDS | {"for": mostly(DURATIONS, "1h", "1h1s")}),
}
LIMITS = {"maxReplicas": COUNTS}
AUTOSCALING = st.one_of(
    part(LIMITS, {"minReplicas": COUNTS} | LONG_FORM),
    part(LIMITS, {"minReplicas": COUNTS} | SHORT_FORM),
    part(LIMITS, SHORT_FORM | LONG_FORM),
)
PARENTS = st.lists(part({"name": NAMES}, {"namespace": NAMES}), max_size=2)
HOSTS = st.lists(mostly(st.sampled_from(["fraud", "*", "*.example.com"]), "https://a.b", "a_b", ""), max_size=2)
GATEWAYS = st.lists(mostly(st.sampled_from(["mesh", "infra/public"]), "a/b/c", "A", ""), max_size=2)
TRAFFIC = st.one_of(
    part(
        {},
        {
            "istio": part({"hosts": HOSTS}, {"gateways": GATEWAYS}),
            "traefik": st.just({}),
            "replicas": st.just({}),
            "metrics": mostly(st.sampled_from(["istio", "linkerd"]), "Istio", ""),
        },
    ),
    part({"replicas": st.just({})}, {"metrics": st.just("linkerd")}),
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
        "autoscaling": AUTOSCALING,
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


@settings(max_examples=600, suppress_health_check=FROM_A_FIXTURE)
@given(autoscaling=AUTOSCALING)
def test_they_take_the_same_autoscaling(server: Any, autoscaling: dict[str, Any]) -> None:
    spec = copy.deepcopy(SOUND) | {"autoscaling": autoscaling}
    taken, answer = server_takes(server, spec)
    assert taken == model_takes(spec), answer


@pytest.mark.parametrize("metric", GOOD_METRICS, ids=lambda metric: metric["name"])
def test_they_take_every_kind_of_metric(server: Any, metric: dict[str, Any]) -> None:
    spec = copy.deepcopy(SOUND) | {"analysis": {"metrics": [metric]}}
    assert server_takes(server, spec) == (True, "taken")
    assert model_takes(spec)

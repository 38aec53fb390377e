"""Presets are data; a wrong one says where it is wrong."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from metrics.subjects import ACCURACY, ERROR_RATE, LATENCY, analysis
from serin.api.spec import AnalysisMetric, ModelDeploymentSpec
from serin.judge import Counts
from serin.metrics.preset import PresetError, PresetKind, load_preset, parse_preset, preset_names, proxy_names
from serin.metrics.provider import Series
from serin.metrics.reading import Table, requests_pair
from serin.metrics.signals import Signal, preset_of, refusal, signal_of, source
from serin.metrics.subject import gateway_of

EXPOSITIONS = Path(__file__).parent / "expositions"
REVISION = {"namespace": "ml", "model": "fraud", "revision": "5c9d7f4b6d", "port": "80"}


def metric(**written: object) -> AnalysisMetric:
    """A metric as a user writes it."""
    return analysis(written).metrics[0]


def test_a_revision_is_told_by_the_labels_of_its_series() -> None:
    assert load_preset("contract").identity(REVISION) == ("ml", "fraud", "5c9d7f4b6d")
    assert load_preset("contour").identity(REVISION) == ("ml_fraud-5c9d7f4b6d_80",)


def test_contour_finds_its_series_in_what_envoy_really_exposes() -> None:
    preset = load_preset("contour")
    table = Table()
    requests = source(Signal.REQUESTS, preset)
    table.add(_exposed("envoy-1.40.txt", requests.metrics[0]), preset.revision, requests.labels)
    answered, dead = (table.cells((f"ml_fraud-{revision}_80",), 0) for revision in ("5c9d7f4b6d", "8f21c0a97e"))
    pair = requests_pair(preset, answered, dead)
    assert (pair.candidate, pair.stable) == (Counts(1, 8), Counts(1, 1))
    assert len(_exposed("envoy-1.40.txt", source(Signal.LATENCY, preset).metrics[0])) == 11


def _exposed(file: str, name: str) -> list[Series]:
    families = text_string_to_metric_families((EXPOSITIONS / file).read_text())
    # The parser appends _total to the name of a counter that lacks it.
    samples = [it for family in families for it in family.samples if it.name in {name, f"{name}_total"}]
    return [Series(sample.labels, {0: sample.value}) for sample in samples]


GOOD = """
name: mine
title: Mine
kind: Server
revision: {labels: {version: "{revision}"}}
requests:
  counters: [{metric: requests_total, bad: [{code: "5.."}], ignored: [{code: "0", flags: DC}]}]
latency: {metric: latency_bucket, unit_seconds: 1}
gaps: [Nobody wrote it.]
"""
APART = """
  counters:
  - {metric: good_total}
  - {metric: bad_total, counts: Failures, ignored: [{reason: CANCELED}]}
"""
AMONG = APART.replace("counts: Failures", "counts: FailuresAmongRequests")


def with_counters(counters: str) -> str:
    """The good preset with other counters."""
    return GOOD.replace(GOOD[GOOD.index("\n  counters") : GOOD.index("latency:")], counters)


def test_a_good_preset_is_read() -> None:
    preset = parse_preset(GOOD, file="mine.yaml")
    assert preset.label_names == ("version",)
    assert preset.kind is PresetKind.SERVER
    assert source(Signal.REQUESTS, preset).labels == ("code", "flags")


def test_one_counter_is_read_by_its_labels() -> None:
    requests = parse_preset(GOOD, file="mine.yaml").requests
    assert requests.share(("200", "")) == (0, 1)
    assert requests.share(("503", "")) == (1, 1)
    assert requests.share(("5033", "")) == (0, 1)
    assert requests.share(("0", "DC")) == (0, 0)
    assert requests.share(("0", "UF")) == (0, 1)


def test_counters_of_successes_and_of_failures_make_the_requests() -> None:
    requests = parse_preset(with_counters(APART), file="mine.yaml").requests
    assert requests.labels == ("serin_counter", "reason")
    assert requests.share(("good_total", "")) == (0, 1)
    assert requests.share(("bad_total", "BACKEND")) == (1, 1)
    assert requests.share(("bad_total", "CANCELED")) == (0, 0)
    assert requests.share(("other_total", "")) == (0, 0)


def test_a_counter_of_failures_may_be_part_of_the_total() -> None:
    requests = parse_preset(with_counters(AMONG), file="mine.yaml").requests
    assert requests.share(("good_total", "")) == (0, 1)
    assert requests.share(("bad_total", "BACKEND")) == (1, 0)


def test_a_part_of_a_label_may_tell_the_revision() -> None:
    text = GOOD.replace('{version: "{revision}"}}', '{version: "{revision}"}, extract: {version: "v-(.+)@.*"}}')
    revision = parse_preset(text, file="mine.yaml").revision
    assert revision.value("version", "v-5c9d7f4b6d@web") == "5c9d7f4b6d"
    assert revision.value("version", "5c9d7f4b6d") == ""
    assert load_preset("contract").revision.value("serin_revision", "5c9d7f4b6d") == "5c9d7f4b6d"


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("name: mine", "name: [", "mine.yaml is not YAML"),
        ('"{revision}"', '"{pod}"', "mine.yaml: revision.labels: Value error, unknown placeholder 'pod'"),
        ('"{revision}"', '"{model}"', "no label names {revision}"),
        ("requests_total", "requests total", "mine.yaml: requests.counters.0.metric"),
        ("latency_bucket", "latency_seconds", "mine.yaml: latency.metric"),
        ("unit_seconds: 1", "unit_seconds: 0", "mine.yaml: latency.unit_seconds"),
        (
            'bad: [{code: "5.."}]',
            'bad: [{code: "5("}]',
            "requests.counters.0.bad: Value error, '5(' is not",
        ),
        ('bad: [{code: "5.."}], ', "", "mine.yaml: the file: Value error, `lacks` must tell of error-rate"),
        ("latency: {metric: latency_bucket, unit_seconds: 1}", "", "`lacks` must tell of latency"),
        ("gaps:", "lacks: {latency: There is none.}\ngaps:", "there is latency, and `lacks` says that there is none"),
        ("gaps:", "lacks: {accuracy: There is none.}\ngaps:", "`lacks` is about error-rate and latency, not accuracy"),
        ("requests_total, bad", "requests_total, counts: Failures, bad", "is bad as a whole: leave `bad` out"),
        ("DC}]}]", "DC}]}, {metric: requests_total}]", "a counter is there twice"),
        ('"{revision}"}}', '"{revision}"}, extract: {pod: (.*)}}', "extract: pod is not among the labels"),
        ('"{revision}"}}', '"{revision}"}, extract: {version: v.*}}', "extract: version needs one group"),
        ("title: Mine", "tittle: Mine", "mine.yaml: title: Field required"),
        ("gaps: [Nobody wrote it.]", "gaps: []", "mine.yaml: gaps"),
    ],
)
def test_a_wrong_preset_names_the_file_and_the_field(right: str, wrong: str, message: str) -> None:
    assert right in GOOD
    with pytest.raises(PresetError) as error:
        parse_preset(GOOD.replace(right, wrong), file="mine.yaml")
    assert message in str(error.value)


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(PresetError, match=r"there is no preset 'envoi'; there are .*contour, contract"):
        load_preset("envoi")


@pytest.mark.parametrize("name", preset_names())
def test_a_file_is_called_as_its_preset(name: str) -> None:
    assert load_preset(name).name == name


def test_what_a_preset_does_not_count_is_refused() -> None:
    with pytest.raises(PresetError, match="contour counts no true labels"):
        source(Signal.OUTCOMES, load_preset("contour"))
    assert refusal(metric(**ACCURACY), load_preset("contour")) == "contour counts no true labels"


def test_a_preset_says_where_to_take_what_it_lacks() -> None:
    text = GOOD.replace("latency: {metric: latency_bucket, unit_seconds: 1}", "lacks: {latency: Ask the gateway.}")
    preset = parse_preset(text, file="mine.yaml")
    assert refusal(metric(**LATENCY), preset) == "Ask the gateway."
    assert refusal(metric(**ERROR_RATE), preset) is None


def test_a_metric_of_ones_own_reads_no_preset() -> None:
    query = 'sum(x{revision="$revision"})'
    own = metric(name="refused", ratio={"bad": query, "total": query}, threshold="2%")
    assert signal_of(own) is None
    assert refusal(own, load_preset("contour")) is None


@pytest.mark.parametrize(
    ("written", "preset", "signal"),
    [
        (ERROR_RATE, "mlserver", Signal.REQUESTS),
        ({**LATENCY, "source": "Gateway"}, "istio", Signal.LATENCY),
        (ACCURACY, "contract", Signal.OUTCOMES),
        ({"name": "prediction-drift"}, "contract", Signal.SCORES),
        ({"name": "prediction-drift", "of": "Classes"}, "contract", Signal.CLASSES),
        ({"name": "input-drift", "feature": "amount"}, "contract", Signal.FEATURES),
    ],
)
def test_what_a_server_never_knows_comes_from_the_model_by_the_contract(
    written: dict[str, str], preset: str, signal: Signal
) -> None:
    assert preset_of(metric(**written), server="mlserver", gateway="istio").name == preset
    assert signal_of(metric(**written)) is signal


@pytest.mark.parametrize(
    ("traffic", "preset"),
    [
        ({"gatewayAPI": {"parentRefs": [{"name": "edge"}]}}, "contour"),
        ({"gatewayAPI": {"parentRefs": [{"name": "edge"}]}, "metrics": "istio"}, "istio"),
        ({"istio": {"hosts": ["fraud"]}}, "istio"),
        ({"traefik": {}}, "traefik"),
        (None, "contour"),
    ],
)
def test_the_proxy_that_counts_is_that_of_the_provider_unless_another_is_named(
    traffic: dict[str, object] | None, preset: str
) -> None:
    template = {"spec": {"containers": [{"name": "server"}]}}
    spec = ModelDeploymentSpec.model_validate({"model": {"version": "1"}, "template": template, "traffic": traffic})
    assert gateway_of(spec) == preset
    assert preset in proxy_names()

"""Presets are data; a wrong one says where it is wrong."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serin.api.spec import MetricSource
from serin.judge import Counts
from serin.metrics.batch import Signal, source
from serin.metrics.preset import PRESET_OF_SOURCE, PresetError, load_preset, parse_preset
from serin.metrics.provider import Series
from serin.metrics.reading import Table, requests_pair

EXPOSITIONS = Path(__file__).parent / "expositions"
REVISION = {"namespace": "ml", "model": "fraud", "revision": "5c9d7f4b6d", "port": "80"}


def test_every_source_has_a_preset() -> None:
    for one in MetricSource:
        assert load_preset(PRESET_OF_SOURCE[one]).gaps


def test_a_revision_is_told_by_the_labels_of_its_series() -> None:
    assert load_preset("contract").identity(REVISION) == ("ml", "fraud", "5c9d7f4b6d")
    assert load_preset("contour").identity(REVISION) == ("ml_fraud-5c9d7f4b6d_80",)


def test_contour_finds_its_series_in_what_envoy_really_exposes() -> None:
    preset = load_preset("contour")
    table = Table()
    metric, labels = source(Signal.REQUESTS, preset)
    table.add(_exposed("envoy-1.40.txt", metric), preset.label_names, labels)
    answered, dead = (table.cells((f"ml_fraud-{revision}_80",), 0) for revision in ("5c9d7f4b6d", "8f21c0a97e"))
    pair = requests_pair(preset, answered, dead)
    assert (pair.candidate, pair.stable) == (Counts(1, 8), Counts(1, 1))
    metric, labels = source(Signal.LATENCY, preset)
    assert len(_exposed("envoy-1.40.txt", metric)) == 11


def _exposed(file: str, metric: str) -> list[Series]:
    families = text_string_to_metric_families((EXPOSITIONS / file).read_text())
    # The parser appends _total to the name of a counter that lacks it.
    samples = [it for family in families for it in family.samples if it.name in {metric, f"{metric}_total"}]
    return [Series(sample.labels, {0: sample.value}) for sample in samples]


GOOD = """
name: mine
title: Mine
revision: {labels: {version: "{revision}"}}
requests: {metric: requests_total, outcome_label: code, bad: "500"}
latency: {metric: latency_bucket, unit_seconds: 1}
"""


def test_a_good_preset_is_read() -> None:
    assert parse_preset(GOOD, file="mine.yaml").label_names == ("version",)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("name: mine", "name: [", "mine.yaml is not YAML"),
        ('"{revision}"', '"{pod}"', "mine.yaml: revision.labels: Value error, unknown placeholder 'pod'"),
        ('"{revision}"', '"{model}"', "no label names {revision}"),
        ("requests_total", "requests total", "mine.yaml: requests.metric"),
        ("latency_bucket", "latency_seconds", "mine.yaml: latency.metric"),
        ("unit_seconds: 1", "unit_seconds: 0", "mine.yaml: latency.unit_seconds"),
        ("outcome_label: code, ", "", "mine.yaml: requests.outcome_label: Field required"),
        ("title: Mine", "tittle: Mine", "mine.yaml: title: Field required"),
    ],
)
def test_a_wrong_preset_names_the_file_and_the_field(right: str, wrong: str, message: str) -> None:
    with pytest.raises(PresetError) as error:
        parse_preset(GOOD.replace(right, wrong), file="mine.yaml")
    assert message in str(error.value)


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(PresetError, match="there is no preset 'envoi'; there are contour, contract"):
        load_preset("envoi")


def test_what_a_preset_does_not_count_is_refused() -> None:
    with pytest.raises(PresetError, match="contour counts no true labels"):
        source(Signal.OUTCOMES, load_preset("contour"))

"""`serin lint`: all that the API server refuses, and what it takes and a person would regret."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from api.manifests import Wrong, examples, wrong_manifests
from cli.manifest import canary, with_steps, write
from serin.cli.main import main

ACCURACY = {"name": "accuracy", "delta": "1%"}
ERROR_RATE = {"name": "error-rate", "threshold": "1%"}
KUBERNETES_OWN = (
    "supported values",
    "Required value",
    "should be",
    "should have",
    "must be of type",
    "Duplicate",
    "unknown field",
)
"""The API server's own words, not those of Serin's rules."""


def own(bad: str) -> dict[str, Any]:
    """A share of one's own."""
    total = 'sum(all_total{revision="$revision"})'
    return {"name": "refused", "ratio": {"bad": bad, "total": total}, "threshold": "1%"}


def scaled(server: str = "contract", requests: dict[str, str] | None = None, **autoscaling: Any) -> dict[str, Any]:
    """The example of a canary, autoscaled; its container requests CPU unless it is told what."""
    manifest = canary()
    del manifest["spec"]["replicas"]
    manifest["spec"] |= {"server": server, "autoscaling": {"maxReplicas": 9, **autoscaling}}
    manifest["spec"]["analysis"]["metrics"] = [ERROR_RATE]
    if requests is not None:
        manifest["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": requests}
    return manifest


def signal(name: str) -> dict[str, Any]:
    """A metric of the preset."""
    return {
        "type": "Prometheus",
        "prometheus": {"metric": name, "target": {"type": "AverageValue", "averageValue": "9"}},
    }


def query(text: str) -> dict[str, Any]:
    """A metric of one's own."""
    return {"type": "Prometheus", "prometheus": {"query": text, "target": {"type": "Value", "value": "9"}}}


def lint(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the answer as JSON."""
    code = main(["lint", "-o", "json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def rules(answer: dict[str, Any]) -> list[str]:
    """The rules that were broken."""
    return [found["rule"] for found in answer["findings"]]


@pytest.mark.parametrize("wrong", wrong_manifests(), ids=lambda wrong: wrong.path.stem)
def test_what_the_api_server_refuses_is_told_with_the_field_and_what_to_write(
    wrong: Wrong, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", "-f", str(wrong.path)]) == 1
    said = capsys.readouterr().out
    # Of the template pydantic knows only the whole, and its message names the field; of a list it names the whole.
    assert wrong.field.strip('"').removeprefix("spec.template.").removesuffix("[1]") in said
    assert wrong.message in said or wrong.message.startswith(KUBERNETES_OWN)


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_the_examples_are_clean(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--strict", "-f", str(path)]) == 0, capsys.readouterr().out


def test_every_problem_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = canary(confirm=0, interval="5", colour="red")
    manifest["spec"]["replica"] = 3
    manifest["metadata"]["name"] = "Fraud"
    manifest["specs"] = {}
    file = write(tmp_path / "wrong.yaml", manifest)
    code, answer = lint(capsys, "-f", file)
    assert code == 1
    lines = Path(file).read_text().splitlines()
    for found in answer["findings"]:
        assert found["field"].split(".")[-1] in lines[found["line"] - 1]
        assert found["severity"] == "error"
    assert {found["field"] for found in answer["findings"]} == {
        "metadata.name",
        "specs",
        "spec.replica",
        "spec.analysis.confirm",
        "spec.analysis.interval",
        "spec.analysis.colour",
    }


def test_a_part_tells_every_rule_that_it_breaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = canary()
    del manifest["spec"]["traffic"]
    code, answer = lint(capsys, "-f", write(tmp_path / "wrong.yaml", manifest))
    assert code == 1
    assert [found["field"] for found in answer["findings"]] == ["spec.strategy", "spec.analysis"]


def test_a_misspelled_field_is_told_with_the_one_that_was_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = lint(capsys, "-f", write(tmp_path / "wrong.yaml", canary(minSample=10)))
    assert code == 1
    assert answer["findings"][0]["expected"] == "there is no such field: did you mean minSamples?"


def test_a_field_that_stands_twice_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(write(tmp_path / "twice.yaml", canary()))
    file.write_text(file.read_text().replace("  replicas: 4\n", "  replicas: 4\n  replicas: 5\n"))
    code, answer = lint(capsys, "-f", str(file))
    assert code == 1
    assert [(found["rule"], found["field"]) for found in answer["findings"]] == [("repeated-field", "spec.replicas")]


def test_documents_come_from_several_files_from_lists_and_from_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other"}, "spec": {"nothing": "of ours"}}
    two = write(tmp_path / "two.yaml", canary(), service, canary())
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": [canary(), canary(confirm=0)]})
    monkeypatch.setattr("sys.stdin", io.StringIO(listed))
    code, answer = lint(capsys, "-f", two, "-f", "-")
    assert code == 1
    assert answer["objects"] == 4
    assert [(found["file"], found["field"]) for found in answer["findings"]] == [
        ("standard input", "spec.analysis.confirm")
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: ModelDeployment\n  spec: {}\n", "is not YAML: line 2, column 7"),
        ("kind: Service\napiVersion: v1\n", "found 1 Service, and no object of Serin's"),
        ("", "found nothing, and no object of Serin's"),
        ("- 1\n- 2\n", "1 objects without a kind"),
    ],
)
def test_what_is_no_manifest_is_told_without_a_traceback(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text)
    assert main(["lint", "-f", str(file)]) == 2
    assert told in capsys.readouterr().err


def test_a_file_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "-f", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml cannot be read: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("manifest", "arguments", "rule", "severity"),
    [
        (canary(interval="20s"), [], "interval-below-two-scrapes", "warning"),
        (canary(interval="20s"), ["--scrape-interval", "10s"], None, None),
        (with_steps({"weight": 10, "hold": "30s"}), [], "hold-shorter-than-confirm", "warning"),
        (with_steps({"weight": 10, "hold": "90s"}), [], None, None),
        (with_steps({"weight": 10}), [], None, None),
        (
            with_steps({"ramp": {"from": 1, "to": 50, "over": "5m"}}),
            [],
            "hold-shorter-than-confirm",
            "warning",
        ),
        (canary(maxDuration="30m"), [], "max-duration-before-last-step", "error"),
        (with_steps({"weight": 10}, {"pause": {"duration": "9h"}}, {"weight": 20}), [], None, None),
        (canary(metrics=[{"name": "accuracy", "delta": "1%", "action": "Warn"}]), [], "nothing-rolls-back", "warning"),
        (canary(), ["--requests", "50/s"], None, None),
        (
            with_steps({"weight": 10}, metrics=[ACCURACY], minSamples=10),
            ["--requests", "2/s"],
            "cannot-pass",
            "warning",
        ),
        (
            with_steps({"weight": 10}, metrics=[ACCURACY], minSamples=10),
            ["--requests", "2/s", "--baseline", "accuracy=10%"],
            "cannot-pass",
            "error",
        ),
        (canary(metrics=[ERROR_RATE], minSamples=1), ["--requests", "30/m"], "ticks-without-requests", "error"),
        (canary(watch="30s"), [], "hold-shorter-than-confirm", "warning"),
        (canary(metrics=[ERROR_RATE, own('sum(bad_total{revision="$revision"}')]), [], "query-not-askable", "error"),
        (canary(metrics=[ERROR_RATE, own('sum(bad_total{revision="$revision"})')]), [], None, None),
        (canary(minSamples=2000), ["--requests", "50/s"], "min-samples-take-longer", "warning"),
        (canary(minSamples=100_000), ["--requests", "50/s"], "min-samples-out-of-reach", "error"),
        (canary(), ["--requests", "6/h"], "min-samples-out-of-reach", "error"),
        (scaled(scaleUpAbove={"cpu": "70%", "queueLength": 10}), [], None, None),
        (scaled("mlserver", scaleUpAbove={"queueLength": 10}), [], "metric-not-counted", "error"),
        (scaled("mlserver", metrics=[signal("queue-length")]), [], "metric-not-counted", "error"),
        (scaled("mlserver", metrics=[signal("running-requests")]), [], None, None),
        (scaled(metrics=[query('sum(x{revision="$revision"}')]), [], "query-not-askable", "error"),
        (scaled(metrics=[query('sum(x{revision="$revision"})')]), [], None, None),
        (scaled(requests={}), [], "percentage-of-nothing", "warning"),
        (scaled(requests={"memory": "1Gi"}, scaleUpAbove={"cpu": "70%"}), [], "percentage-of-nothing", "warning"),
        (scaled(requests={"memory": "1Gi"}, scaleUpAbove={"memory": "70%"}), [], None, None),
        (scaled(requests={}, scaleUpAbove={"queueLength": 10}), [], None, None),
    ],
)
def test_what_a_person_would_regret_is_told(
    manifest: dict[str, Any],
    arguments: list[str],
    rule: str | None,
    severity: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = write(tmp_path / "manifest.yaml", manifest)
    code, answer = lint(capsys, "-f", file, *arguments)
    assert rules(answer) == ([rule] if rule else [])
    assert [found["severity"] for found in answer["findings"]] == ([severity] if severity else [])
    assert code == (1 if severity == "error" else 0)
    if severity == "warning":
        assert lint(capsys, "--strict", "-f", file, *arguments)[0] == 1

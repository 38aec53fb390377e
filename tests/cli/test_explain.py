"""`serin explain`: from a file and from a cluster, for people and for programs."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.apiserver import FakeApiServer
from scaling.build import NOW, once, queue, queued
from serin.cli import explain_rollout, explain_scaling, stored
from serin.cli.main import main
from serin.scaling.remembered import remember
from serin.scaling.report import Limit, LimitType, Recommendation
from serin.scaling.samples import Unavailable

FILE = Path(__file__).parent / "explained.yaml"


def manifest() -> dict[str, Any]:
    """The object in the file."""
    content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return content


def written_to(path: Path, content: dict[str, Any]) -> str:
    """A file with this object."""
    path.write_text(json.dumps(content))
    return str(path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command says."""
    assert main(["explain", *arguments]) == 0
    return capsys.readouterr().out


def test_a_rollout_is_explained_by_its_step_its_analysis_and_what_stands_in_the_way(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(capsys, "-f", str(FILE))
    for words in (
        "ml/fraud is Progressing: step 2 of 3 at 25 %",
        "Candidate    2.1.0  8f21c0a97e  25 %    3 of 4",
        "Step 2 of 3 (Weight) at 25 %, since 2026-01-31T12:00:00Z; it can end at 2026-01-31T12:05:00Z",
        "it was held for 30s before",
        "The analysis says Continue (NotDecided) at 2026-01-31T12:03:30Z",
        "3 of 1204 failed, 0.25 %, limit 2 %; needs about 900 more requests",
        "Available is True (PodsReady): 8 pods of version 2.0.3 serve; 3 of 4 pods of 8f21c0a97e are Ready: 0/9",
    ):
        assert words in text
    assert "41d07be2aa" not in text
    assert "AutoscalingActive" not in text


def test_the_pods_are_explained_version_by_version_and_metric_by_metric(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "ml/fraud", "--scaling", "-f", str(FILE))
    stable, candidate = text.split("\n\n")[1:]
    assert "it had 8 pods, and the metrics propose 4" in stable
    assert "holds it at 8 until 2026-01-31T12:07:15Z (stabilization): 8 are recommended" in stable
    assert "Prepared for 100 % of the traffic, which takes 8 pods" in stable
    assert "Prepared for 50 % of the traffic, which takes 4 pods: so much of the pods that carry all of it" in candidate
    row = next(line for line in candidate.splitlines() if line.strip().startswith("cpu "))
    assert row.split()[:6] == ["cpu", "Resource", "66%", "70%", "0.943", "2"]
    assert row.endswith("near enough to its target (tolerance)")
    assert "CPU and memory are from metrics.k8s.io" in stable


def test_programs_get_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    rollout = json.loads(said(capsys, "-f", str(FILE), "-o", "json"))
    assert rollout["step"]["index"] == 2
    assert [each["type"] for each in rollout["inTheWay"]] == ["Available"]
    scaling = json.loads(said(capsys, "-f", str(FILE), "--scaling", "-o", "json"))
    assert scaling["spec"]["behavior"]["scaleDown"] == {"stabilizationWindowSeconds": 300, "tolerance": "0.571429"}
    stable, candidate = scaling["versions"]
    assert stable["autoscaling"]["limits"][0]["type"] == "Stabilization"
    assert candidate["autoscaling"]["demand"] == {"weight": 50, "replicas": 4, "by": "Ratio"}
    assert "history" not in candidate["autoscaling"]


def explained(found: Recommendation, **status: Any) -> str:
    """What is said of stable after such a pass."""
    content = manifest()
    content["status"] |= {"autoscaling": [remember("5c9d7f4b6d", found, NOW).to_dict()], **status}
    return explain_scaling.scaling_as_text(stored.stored(content))


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit(LimitType.POLICY, 40, 4), "a policy allows 4 of 40 at once"),
        (Limit(LimitType.MIN_REPLICAS, 1, 2), "minReplicas is 2"),
        (Limit(LimitType.MAX_REPLICAS, 40, 20), "maxReplicas is 20"),
        (Limit(LimitType.STABILIZATION, 1, 5), "what they proposed before holds it at 5 (stabilization)"),
    ],
)
def test_every_limit_is_told(limit: Limit, words: str) -> None:
    found = once(queued(), 2, queue(40))
    text = explained(Recommendation(2, limit.allowed, found.history, proposal=limit.wanted, limits=(limit,)))
    assert f"the metrics propose {limit.wanted}; {words}: {limit.allowed} are recommended" in text


def test_why_a_metric_is_not_followed_is_told() -> None:
    text = explained(once(queued(), 2, Unavailable("Prometheus default does not answer")))
    assert "the metrics were not followed: 2 are recommended" in text
    assert "Prometheus default does not answer" in text


def test_a_demand_by_littles_law_is_told() -> None:
    content = manifest()
    content["status"]["autoscaling"][1]["demand"]["by"] = "LittlesLaw"
    text = explain_scaling.scaling_as_text(stored.stored(content))
    assert "which takes 4 pods: what the requests under way need (Little's law)" in text


def test_pods_that_all_serve_are_no_worry() -> None:
    content = manifest()
    content["status"]["revisions"][1]["readyReplicas"] = 4
    assert "Available" not in explain_rollout.rollout_as_text(stored.stored(content))


def test_every_hold_is_told() -> None:
    for hold in ("Tolerance", "Incomplete"):
        content = manifest()
        content["status"]["autoscaling"][1]["metrics"][0]["hold"] = hold
        text = explain_scaling.scaling_as_text(stored.stored(content))
        assert ("(tolerance)" in text) == (hold == "Tolerance")
        assert ("leave open whether to change" in text) == (hold == "Incomplete")


def test_without_autoscaling_it_is_said_who_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = manifest()
    del content["spec"]["autoscaling"], content["status"]["autoscaling"], content["status"]["capacity"]
    content["spec"]["replicas"] = 6
    text = said(capsys, "-f", written_to(tmp_path / "one.json", content), "--scaling")
    assert "6 pods carry the whole traffic: spec.replicas says so" in text
    assert json.loads(said(capsys, "-f", str(tmp_path / "one.json"), "--scaling", "-o", "json"))["replicas"] == 6


def test_before_the_first_pass_nothing_is_made_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = manifest()
    del content["status"]["autoscaling"]
    text = said(capsys, "-f", written_to(tmp_path / "one.json", content), "--scaling")
    assert text.count("The autoscaler says nothing of it") == 2
    del content["status"]
    assert "ml/fraud is Pending" in said(capsys, "-f", written_to(tmp_path / "one.json", content))


def test_an_edit_that_the_operator_has_not_seen_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = manifest()
    content["metadata"]["generation"] = 8
    text = said(capsys, "-f", written_to(tmp_path / "one.json", content))
    assert "The operator has not seen generation 8 yet: this is of 7" in text


def test_after_a_rollback_it_is_said_what_happened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = manifest()
    at = "2026-01-31T12:04:00Z"
    ended = {"revision": "8f21c0a97e", "version": "2.1.0", "reason": "ErrorRateTooHigh", "message": "9 % failed"}
    for field in ("candidate", "candidateVersion", "weight", "step"):
        del content["status"][field]
    content["status"] |= {
        "phase": "Degraded",
        "history": [ended | {"outcome": "RolledBack", "startedAt": at, "endedAt": at}],
        "rejected": ended | {"at": at},
    }
    text = said(capsys, "-f", written_to(tmp_path / "one.json", content))
    assert f"ended at {at}: RolledBack (ErrorRateTooHigh): 9 % failed" in text
    assert f"was turned away at {at} (ErrorRateTooHigh) and is not tried again" in text
    assert "Step" not in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"since": None, "until": None}, "it has not begun"),
        (
            {"heldSince": "2026-01-31T12:01:00Z", "heldReason": "PodsNotReady"},
            "its time stands still since 2026-01-31T12:01:00Z: PodsNotReady",
        ),
        ({"kind": "Ramp", "block": 2}, "Step 2 of 3 (Ramp, piece 3)"),
    ],
)
def test_a_step_that_waits_says_for_what(
    change: dict[str, Any], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = manifest()
    step = content["status"]["step"] | change
    content["status"]["step"] = {name: part for name, part in step.items() if part is not None}
    assert words in said(capsys, "-f", written_to(tmp_path / "one.json", content))


def in_a_cluster(tmp_path: Path, *arguments: str, namespace: str = "") -> int:
    """The exit code of the command beside an API server that has the object, with a namespace in its kubeconfig."""

    async def run() -> int:
        async with FakeApiServer() as server:
            kind = server.store.kind("modeldeployments")
            made = server.store.create(kind, manifest(), manager="test")
            server.store.update(kind, made | {"status": manifest()["status"]}, manager="test", status=True)
            config = tmp_path / "kubeconfig"
            config.write_text(server.kubeconfig())
            if namespace:
                known = yaml.safe_load(config.read_text())
                known["contexts"][0]["context"]["namespace"] = namespace
                config.write_text(yaml.safe_dump(known))
            return await asyncio.to_thread(main, ["explain", *arguments, "--kubeconfig", str(config)])

    return asyncio.run(run())


def test_it_is_read_from_the_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert in_a_cluster(tmp_path, "ml/fraud", "--scaling") == 0
    assert "Prepared for 50 % of the traffic" in capsys.readouterr().out


def test_its_namespace_is_that_of_the_kubeconfig_unless_one_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_a_cluster(tmp_path, "fraud", namespace="ml") == 0
    assert in_a_cluster(tmp_path, "fraud", "-n", "ml", namespace="other") == 0
    assert in_a_cluster(tmp_path, "fraud", "-n", "other", namespace="ml") == 2
    assert "GET modeldeployments other/fraud: 404 NotFound" in capsys.readouterr().err


def test_one_that_is_not_there_is_told_in_the_words_of_the_api_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_a_cluster(tmp_path, "fraud") == 2
    assert "GET modeldeployments default/fraud: 404 NotFound" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which ModelDeployment? Write NAMESPACE/NAME"),
        (["a/b/c"], "'a/b/c' names no ModelDeployment: write NAMESPACE/NAME"),
        (["/fraud"], "names no ModelDeployment"),
        (["ml/"], "names no ModelDeployment"),
        (["ml/other", "-f", str(FILE)], "found 0 of 1 objects to be a ModelDeployment ml/other"),
        (["ml/fraud", "--kubeconfig", "/none"], "the kubeconfig '/none'"),
    ],
)
def test_what_cannot_be_explained_is_told_in_a_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert len(told.splitlines()) == 1


def test_a_status_of_a_newer_serin_is_told_by_its_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = manifest()
    content["status"]["moon"] = 1
    assert main(["explain", "-f", written_to(tmp_path / "one.json", content)]) == 2
    assert "ModelDeployment ml/fraud cannot be read: moon: " in capsys.readouterr().err

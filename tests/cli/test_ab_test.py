"""`serin simulate` and `serin lint` of an A/B test: how many events and how much time it takes, and hopeless ones."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.manifest import canary, write
from serin.cli.main import main

EXPLAINED = Path(__file__).parent / "explained.yaml"
QUERY = 'sum(increase(x_total{revision="$revision"}[$window]))'
SALES = {"name": "sales", "ratio": {"good": QUERY, "total": QUERY}, "delta": "2%"}
ERRORS = {"name": "error-rate", "maxIncrease": {"absolute": "0.5%"}}


def ab_test(effect: dict[str, str], *, metric: str = "sales", **changes: Any) -> dict[str, Any]:
    """A manifest with an A/B test of two days."""
    manifest = canary()
    goal = {"metric": metric, "minimumEffect": effect}
    manifest["spec"]["strategy"] = {"type": "ABTest", "abTest": {"goal": goal, "maxDuration": "48h", **changes}}
    manifest["spec"]["analysis"] = {"interval": "1m", "metrics": [SALES, ERRORS]}
    return manifest


def run(
    command: str, manifest: dict[str, Any], path: Path, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    """The exit code and what was written."""
    code = main([command, "-f", write(path / "md.yaml", manifest), *arguments])
    return code, capsys.readouterr().out


def test_the_size_and_the_time_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = ab_test({"absolute": "1%"})
    code, text = run(
        "simulate", manifest, tmp_path, capsys, "-o", "json", "--requests", "5/s", "--baseline", "sales=10%"
    )
    said = json.loads(text)["abTest"]
    assert code == 0
    assert said["stable"] == pytest.approx(0.1)
    assert said["sought"] == pytest.approx(0.11)
    assert said["fixedSize"] == {"candidate": 14751, "stable": 14751, "seconds": 5900}
    assert 1.8 < said["needed"]["candidate"] / 14751 < 2.2
    assert said["needed"]["seconds"] == round((said["needed"]["candidate"] + said["needed"]["stable"]) / 5)


def test_people_are_told_in_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run("simulate", ab_test({"relative": "10%"}), tmp_path, capsys, "--requests", "5/s")
    assert code == 0
    assert "stable has 1% good ones (assumed: say --baseline), an improvement of +0.1 points (10% of stable's" in text
    assert "a test of fixed size, with one look" in text
    assert text.endswith("maxDuration (48h) is enough.\n")


def test_fewer_bad_events_are_sought_where_those_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = ab_test({"absolute": "1%"}, metric="error-rate")
    _, text = run("simulate", manifest, tmp_path, capsys, "--requests", "5/s", "--baseline", "error-rate=4%")
    assert "stable has 4% bad ones, an improvement of -1.0 points is sought" in text


def test_a_test_that_is_too_short_is_hopeless_and_what_is_enough_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = ab_test({"absolute": "0.1%"})
    traffic = ("--requests", "1/s", "--baseline", "sales=4%")
    code, text = run("simulate", manifest, tmp_path, capsys, *traffic)
    assert code == 1
    (line,) = (line for line in text.splitlines() if line.startswith("Hopeless"))
    assert "spec.strategy.abTest.maxDuration: at 1 events/s of sales an improvement of +0.1 points" in line
    advice = line.rpartition("raise ")[2]
    longer, smaller = advice.split(", or ")
    manifest["spec"]["strategy"]["abTest"]["maxDuration"] = longer.rpartition(" ")[2]
    assert run("simulate", manifest, tmp_path, capsys, *traffic)[0] == 0
    effect = {"absolute": smaller.rpartition(" ")[2].strip('"')}
    assert run("simulate", ab_test(effect), tmp_path, capsys, *traffic)[0] == 0


def test_an_improvement_without_room_is_hopeless(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = ab_test({"absolute": "5%"}, metric="error-rate")
    code, text = run("simulate", manifest, tmp_path, capsys, "--requests", "5/s", "--baseline", "error-rate=1%")
    assert code == 1
    assert "there is no room for an improvement of -5.0 points" in text


def test_lint_tells_a_hopeless_one_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--requests", "1/s", "--baseline", "sales=4%")
    code, text = run("lint", ab_test({"absolute": "0.1%"}), tmp_path, capsys, *arguments)
    assert code == 1
    assert "ab-test-too-short" in text
    code, text = run("lint", ab_test({"absolute": "2%"}), tmp_path, capsys, *arguments)
    assert "ab-test" not in text


def test_few_ticks_and_very_many_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, text = run("simulate", ab_test({"absolute": "1%"}), tmp_path, capsys, "--requests", "200/s")
    assert "below 50 the power is less than told" in text
    manifest = ab_test({"absolute": "1%"}, maxDuration="1000h")
    _, text = run("simulate", manifest, tmp_path, capsys, "--requests", "1/s")
    assert "Its 60,000 ticks are read again after each restart of the operator" in text


def test_it_is_not_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times = ("--start", "2026-01-31T12:00:00Z", "--end", "2026-01-31T13:00:00Z")
    arguments = ("--candidate", "b", "--stable", "a", "--prometheus", "http://127.0.0.1:9", *times)
    file = write(tmp_path / "md.yaml", ab_test({"absolute": "1%"}))
    assert main(["replay", "-f", file, *arguments]) == 2
    assert "is an A/B test, which is not replayed" in capsys.readouterr().err


def test_a_test_under_way_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = yaml.safe_load(EXPLAINED.read_text())
    manifest["status"]["analysis"]["test"] = {
        "metric": "sales",
        "message": "The candidate leads: 5% of the candidate's 900 events",
        "won": "0.41",
        "lost": "0.00",
        "noImprovement": "0.10",
        "needs": "about 300 more of the candidate's events",
    }
    _, text = run("explain", manifest, tmp_path, capsys)
    assert (
        "A/B test of sales: undecided (Won 0.41, Lost 0.00, NoImprovement 0.10). The candidate leads: 5% of the"
        " candidate's 900 events; needs about 300 more of the candidate's events" in text
    )

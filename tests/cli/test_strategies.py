"""The commands understand every strategy: what is tried, what is told, and what is hardly as it was meant."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.manifest import canary, write
from serin.cli.main import main

ERROR_RATE = {"name": "error-rate", "threshold": "1%"}


def manifest(strategy: dict[str, Any] | None, **analysis: Any) -> dict[str, Any]:
    """The example of a canary with another strategy."""
    changed = canary(metrics=[ERROR_RATE], **analysis)
    changed["spec"]["strategy"] = strategy
    return changed


def said(command: str, path: Path, capsys: pytest.CaptureFixture[str], of: dict[str, Any], *more: str) -> Any:
    """The exit code and the answer as JSON."""
    code = main([command, "-o", "json", "-f", write(path / "md.yaml", of), *more])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("then", "decision"), [pytest.param("Discard", "Compared", id="shown"), pytest.param("Promote", "Promoted")]
)
def test_a_shadow_is_tried_on_copies(
    then: str, decision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strategy = {"type": "Shadow", "shadow": {"duration": "20m", "then": then}}
    code, told = said("simulate", tmp_path, capsys, manifest(strategy), "--requests", "50/s")
    (step,) = told["steps"]
    assert (code, told["decision"]) == (0, decision)
    assert (step["kind"], step["weight"], step["mirror"]) == ("Mirror", 0, 100)
    # All of the requests are copied, but for those of initialDelay.
    assert step["requests"] == pytest.approx(50 * (step["seconds"] - 60), rel=0.05)


def test_blue_green_is_judged_before_the_switch_and_after_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strategy = {"type": "BlueGreen", "blueGreen": {"mirror": 100, "hold": "10m"}}
    code, told = said("simulate", tmp_path, capsys, manifest(strategy, watch="10m"), "--requests", "50/s")
    assert (code, told["decision"], told["budget"]["steps"]) == (0, "Promoted", 2)
    assert [(step["kind"], step["weight"]) for step in told["steps"]] == [("Mirror", 0), ("Watch", 100)]


def test_a_hold_without_copies_is_no_step_that_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strategy = {"type": "BlueGreen", "blueGreen": {"hold": "10m"}}
    code, told = said("simulate", tmp_path, capsys, manifest(strategy, watch="20m"), "--requests", "50/s")
    assert (code, told["decision"], told["budget"]["steps"]) == (0, "Promoted", 1)


@pytest.mark.parametrize(
    ("strategy", "rules"),
    [
        ({"type": "BlueGreen"}, ["nothing-is-judged"]),
        ({"type": "BlueGreen", "blueGreen": {"mirror": 100, "hold": "1s"}}, ["hold-shorter-than-confirm"]),
        ({"type": "Shadow", "shadow": {"duration": "24h"}}, ["max-duration-before-last-step"]),
        ({"type": "Shadow"}, []),
    ],
)
def test_lint_tells_what_is_hardly_as_it_was_meant(
    strategy: dict[str, Any], rules: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, told = said("lint", tmp_path, capsys, manifest(strategy))
    assert [found["rule"] for found in told["findings"]] == rules


def test_copies_that_nobody_judges_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shadow = manifest({"type": "Shadow"})
    del shadow["spec"]["analysis"]
    _, told = said("lint", tmp_path, capsys, shadow)
    assert [found["rule"] for found in told["findings"]] == ["nothing-is-judged"]


def test_copies_too_few_for_a_verdict_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strategy = {"type": "Shadow", "shadow": {"duration": "10m", "then": "Promote"}}
    code, told = said("lint", tmp_path, capsys, manifest(strategy), "--requests", "0.01/s")
    assert code == 1
    assert told["errors"] >= 1

"""What a person sees of a status, which is given here in the shape in which the API server gives it."""

import io
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from demo.chapters import CHAPTERS, Chapter
from demo.ledger import Account, Badness, VersionAccount
from demo.plain import changes
from demo.recording import Frame, Recording, play
from demo.report import ChapterResult, Report, render_report
from demo.scene import EventLine, Moment, Scene, percent
from demo.view import WIDTH, render
from serin.api.status import ModelDeploymentStatus, Outcome

AT = "2026-11-24T12:00:00Z"

ACCOUNT = Account(
    requests=4213,
    lost=0,
    losses=(),
    per_second=60.0,
    versions=(
        VersionAccount("2.0.0", requests=3000, labelled=2900, wrong=35, per_second=36.0),
        VersionAccount("3.0.0", requests=400, labelled=380, wrong=75, first_bad={Badness.WRONG: 90.0}, per_second=24.0),
    ),
)


def metric(name: str, verdict: str, candidate: tuple[int, int] | None, limit: float) -> dict[str, Any]:
    """Build one metric of an analysis; `candidate` is bad of total."""
    counts = None if candidate is None else {"bad": candidate[0], "total": candidate[1]}
    return {
        "name": name,
        "verdict": verdict,
        "reason": "NoData" if counts is None else "OverLimit" if verdict == "Fail" else "WithinLimit",
        "message": "a sentence",
        "candidate": counts,
        "stable": {"bad": 4, "total": 412},
        "limit": limit,
        "harm": "1.00" if verdict == "Fail" else "0.20",
        "safe": "0.00" if verdict == "Fail" else "0.57",
    }


def revision(name: str, version: str, role: str, **numbers: int) -> dict[str, Any]:
    """Build one revision of a status."""
    return {"revision": name, "version": version, "role": role, **numbers}


def rollout(verdict: str, accuracy: Mapping[str, Any], **changes: Any) -> ModelDeploymentStatus:
    """Build the status of v3 on its way, with what the analysis says."""
    document = {
        "phase": "Progressing",
        "message": "Step 2 of 3: 40 % until 12:00:14 at the earliest.",
        "stable": "5c9d7f4b6d",
        "candidate": "8f21c0a97e",
        "weight": 40,
        "revisions": [
            revision("8f21c0a97e", "3.0.0", "Candidate", replicas=2, readyReplicas=1, weight=40),
            revision("5c9d7f4b6d", "2.0.0", "Stable", replicas=2, readyReplicas=2, weight=60),
            revision("0b77c2d914", "1.0.0", "Retired", replicas=0),
        ],
        "step": {"index": 2, "of": 3, "kind": "Weight", "weight": 40, "plan": "abc", "since": AT},
        "analysis": {
            "revision": "8f21c0a97e",
            "startedAt": AT,
            "at": AT,
            "verdict": verdict,
            "reason": "Word",
            "message": "a sentence",
            "ticks": 2,
            "samples": 90,
            "metrics": [
                metric("error-rate", "Continue", (0, 98), 0.02),
                metric("latency", "Continue", (1, 98), 0.05),
                accuracy,
            ],
        },
    }
    return ModelDeploymentStatus.model_validate({**document, **changes})


def scene(status: ModelDeploymentStatus, **changes: Any) -> Scene:
    """Build a scene of the third chapter."""
    at = datetime(2026, 11, 24, 12, 0, 3, tzinfo=UTC)
    fields: dict[str, Any] = {
        "chapters": CHAPTERS,
        "current": 2,
        "elapsed": 133.7,
        "account": ACCOUNT,
        "ended": (True, True),
        "status": status,
        "events": (EventLine(at, "StepStarted", "3.0.0 has 40 % of the traffic"),),
    }
    return Scene(**{**fields, **changes})


CONTINUES = rollout("Continue", metric("accuracy", "Continue", (3, 70), 0.05))
FAILS = rollout("Fail", metric("accuracy", "Fail", (19, 92), 0.05), phase="RollingBack")
HOLDS = rollout("Hold", metric("accuracy", "Hold", None, 0.05))


def text(renderable: RenderableType, *, width: int = WIDTH) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def line_with(renderable: RenderableType, word: str) -> str:
    return next(line for line in text(renderable).splitlines() if word in line)


def test_each_revision_has_a_bar_as_long_as_its_weight() -> None:
    picture = render(scene(CONTINUES))
    stable, candidate = line_with(picture, "Stable "), line_with(picture, "Candidate ")
    assert (stable.count("█"), candidate.count("█")) == (26, 18)
    assert "60 %" in stable
    assert "40 %" in candidate


def test_stable_stands_above_the_candidate_whatever_the_order_in_status() -> None:
    picture = text(render(scene(CONTINUES)))
    assert picture.index("5c9d7f4b6d") < picture.index("8f21c0a97e")


def test_pods_and_requests_are_told_by_version() -> None:
    candidate = line_with(render(scene(CONTINUES)), "Candidate ")
    assert candidate.split()[-2:] == ["1/2", "24"]


def test_a_revision_without_pods_is_not_shown() -> None:
    assert "0b77c2d914" not in text(render(scene(CONTINUES)))


def test_a_verdict_is_told_with_its_numbers() -> None:
    line = line_with(render(scene(FAILS)), "accuracy ")
    assert "Fail" in line
    assert "21 % of 92 wrong" in line
    assert "1.0 % of 412 " in line
    assert "5.0 % more" in line
    assert "▆▆▆▆▆▆▆▆▆▆ against it" in line
    assert "against it" not in line_with(render(scene(FAILS), width=80), "accuracy ")


def test_the_evidence_that_there_is_more_of_is_drawn() -> None:
    assert "▆▆▆▆▆····· for it" in line_with(render(scene(CONTINUES)), "accuracy ")


def test_missing_data_is_called_so() -> None:
    line = line_with(render(scene(HOLDS)), "accuracy ")
    assert "Hold" in line
    assert "no data" in line
    assert line.split()[-1] == "NoData"


def test_the_last_word_on_a_version_stays_until_the_next_chapter() -> None:
    status = CONTINUES.model_copy(update={"candidate": None, "step": None})
    assert "wrong" in text(render(scene(status)))
    assert "wrong" not in text(render(scene(status, current=3)))


def test_the_story_shows_what_is_over_what_is_now_and_what_comes() -> None:
    picture = text(render(scene(CONTINUES, ended=(True, False))))
    for mark in ("✓ v1", "! v2", "▸ v3", "· v4"):
        assert mark in picture
    assert "↩ v3" in text(render(scene(CONTINUES, ended=(True, True, True))))
    assert "v3 is less accurate" in picture
    assert "Only late labels give it away" in picture


def test_lost_requests_are_told() -> None:
    assert "lost 7" in text(render(scene(CONTINUES, account=replace(ACCOUNT, lost=7))))


def test_the_timeline_shows_the_share_of_each_version_and_always_fits() -> None:
    story = ((0, 100, 2), (1, 20, 3), (1, 60, 4), (2, 0, 0), (2, 40, 12))
    moments = tuple(Moment(chapter, weight, pods) for chapter, weight, pods in story)
    drawn = text(render(scene(CONTINUES, timeline=moments)))
    assert "Newest version's share █▂▅·▄" in drawn
    assert "Pods of all versions   ▂▃▄·█" in drawn
    whole = text(render(scene(CONTINUES, timeline=moments * 100), width=80), width=80)
    assert max(len(line) for line in whole.splitlines()) <= 80


@pytest.mark.parametrize("status", [ModelDeploymentStatus(), CONTINUES, FAILS, HOLDS])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30)])
def test_every_scene_fills_the_terminal_and_no_more_so_that_nothing_jumps(
    status: ModelDeploymentStatus, width: int, height: int
) -> None:
    sentence = "a long sentence " * 20
    line = EventLine(datetime.now(UTC), "Word", sentence)
    for events in ((), (line,) * 9):
        for note in ("", "Prometheus is stopped."):
            told = scene(status.model_copy(update={"message": sentence}), events=events, note=note)
            lines = text(render(told, width=width, height=height), width=width).splitlines()
            assert len(lines) == height
            assert max(len(line) for line in lines) <= width


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_every_story_line_fits_a_small_terminal(chapter: Chapter) -> None:
    picture = text(render(scene(CONTINUES, current=CHAPTERS.index(chapter)), width=80, height=24), width=80)
    assert chapter.line in picture


def test_the_plain_view_tells_everything_once() -> None:
    first = list(changes(None, scene(CONTINUES)))
    assert first[0].startswith("2:13  v3 is less accurate: ")
    assert any("traffic 2.0.0 60 % on 2 pods, 3.0.0 40 % on 1 pods" in line for line in first)
    assert any("accuracy Continue (4.3 %)" in line for line in first)
    assert list(changes(scene(CONTINUES), scene(CONTINUES, elapsed=200.0))) == []


def test_the_plain_view_tells_what_changed() -> None:
    told = list(changes(scene(CONTINUES), scene(FAILS, note="Prometheus is stopped.")))
    assert [line.split("  ", 1)[1].split(":")[0] for line in told] == [
        "Prometheus is stopped.",
        "RollingBack",
        "analysis Fail",
    ]


def report(**changes: Any) -> Report:
    results = tuple(
        ChapterResult(chapter, 21.0, chapter.expected, as_expected=True, exposed=7.25 if chapter.badness else None)
        for chapter in CHAPTERS
    )
    fields: dict[str, Any] = {"results": results, "account": ACCOUNT, "labels_refused": 0, "kubeconfig": None}
    return Report(**{**fields, **changes})


def test_the_report_tells_how_long_a_bad_version_was_borne() -> None:
    line = line_with(render_report(report()), "3.0.0")
    assert Outcome.ROLLED_BACK in line
    assert line.rstrip().endswith("7.2 s")


def test_a_lost_request_fails_the_demo_and_is_told() -> None:
    failed = report(account=replace(ACCOUNT, lost=1, losses=("status 503 from the gateway",)))
    assert report().succeeded
    assert not failed.succeeded
    assert "status 503 from the gateway" in text(render_report(failed))


def test_a_chapter_that_ends_otherwise_fails_the_demo() -> None:
    ended = report().results
    assert not report(results=(*ended[:-1], replace(ended[-1], as_expected=False))).succeeded


def test_the_report_says_how_to_explore_a_cluster_that_is_kept() -> None:
    assert "export KUBECONFIG=/somewhere/kubeconfig" in text(
        render_report(report(kubeconfig=Path("/somewhere/kubeconfig")))
    )


def test_a_recording_plays_its_frames_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "images" / "demo.svg")
    recording.add(render(scene(CONTINUES)), seconds=3)
    recording.add(render_report(report()), seconds=1)
    recording.write()
    picture = (tmp_path / "images" / "demo.svg").read_text()
    root = ET.fromstring(picture)
    words = "".join(root.itertext())
    assert words.count("v3 is less accurate") == 1
    assert "None was lost" in words
    assert "75.00%,100%{visibility:hidden}" in picture
    assert "75.00%{visibility:visible}" in picture
    assert re.findall(r"url\((?!#)|href", picture) == []


def test_a_row_that_frames_share_is_written_once_and_a_still_viewer_sees_the_first_frame(tmp_path: Path) -> None:
    frames = [Frame(Text(f"the same\nnumber {number}"), 1) for number in range(3)]
    picture = play(frames)
    assert picture.count("the same") == 1
    hidden = re.findall(r"\.(t\d+)\{visibility:hidden", picture)
    shown = dict(re.findall(r'class="(t\d+)".*?>([^<>]+)</text>', picture))
    assert [shown[name] for name in shown if name not in hidden] == ["the same", "number 0"]


@pytest.mark.parametrize(("value", "told"), [(0, "0 %"), (0.004, "0.4 %"), (0.0987, "9.9 %"), (0.25, "25 %")])
def test_shares_are_written_for_people(value: float, told: str) -> None:
    assert percent(value) == told

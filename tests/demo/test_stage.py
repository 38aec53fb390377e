"""A recording keeps the moments that are worth a frame, each once."""

from dataclasses import replace
from pathlib import Path

from rich.text import Text

from demo.chapters import CHAPTERS
from demo.ledger import Account
from demo.recording import Recording
from demo.scene import Scene
from demo.stage import RecordedStage, notable, open_stage
from serin.api.status import ModelDeploymentStatus

NOBODY = Account(requests=0, lost=0, losses=(), per_second=0.0, versions=())


def scene(*, candidate: str | None = "c", weight: int = 20, verdict: str = "Continue", note: str = "") -> Scene:
    at = "2026-11-24T12:00:00Z"
    analysis = {"revision": "c", "startedAt": at, "at": at, "verdict": verdict, "reason": "Word", "message": ""}
    revisions = [{"revision": "c", "version": "2.0.0", "role": "Candidate", "weight": weight}]
    document = {"phase": "Progressing", "candidate": candidate, "revisions": revisions, "analysis": analysis}
    status = ModelDeploymentStatus.model_validate(document)
    return Scene(chapters=CHAPTERS, current=1, elapsed=1.0, account=NOBODY, note=note, status=status)


def test_a_new_weight_a_new_verdict_and_an_outage_are_moments_of_their_own() -> None:
    scenes = [scene(), scene(weight=40), scene(verdict="Fail"), scene(note="Prometheus is stopped.")]
    assert len({notable(it) for it in scenes}) == 4


def test_nothing_is_kept_while_there_is_nothing_to_judge() -> None:
    assert notable(replace(scene(), status=ModelDeploymentStatus())) is None
    assert notable(replace(scene(), current=2)) is None


def test_the_end_of_a_chapter_is_a_moment() -> None:
    assert notable(scene(candidate=None)) != notable(replace(scene(candidate=None), ended=(True, True)))


def test_a_moment_is_kept_once_and_everything_is_shown(tmp_path: Path) -> None:
    with open_stage(plain=True) as plain:
        stage = RecordedStage(plain, Recording(tmp_path / "demo.svg"))
        for it in (scene(), scene(), scene(weight=40)):
            stage.show(it)
        stage.end(Text("the end"))
    picture = (tmp_path / "demo.svg").read_text()
    assert picture.count("20 %") == 1
    assert picture.count("40 %") == 1
    assert picture.count("the end") == 1

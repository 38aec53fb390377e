"""Where the story is shown: a live view in a terminal, lines elsewhere, and a recording of either."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, RenderableType
from rich.live import Live

from demo.plain import changes
from demo.recording import Recording
from demo.scene import Scene
from demo.view import WIDTH, render

FRAME_SECONDS, CHAPTER_END_SECONDS, LAST_FRAME_SECONDS = 1.5, 3.0, 8.0


class Stage(Protocol):
    """Shows scenes."""

    def show(self, scene: Scene) -> None:
        """Show the scene as it is now."""


class PlainStage:
    """One line for each change."""

    def __init__(self, console: Console) -> None:
        """Print to the console."""
        self._console = console
        self._before: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Print what has changed since the last scene."""
        for line in changes(self._before, scene):
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        self._before = scene


class LiveStage:
    """A picture that is drawn anew in place."""

    def __init__(self, live: Live) -> None:
        """Draw with rich's Live display."""
        self._live = live

    def show(self, scene: Scene) -> None:
        """Draw the scene as large as the terminal is now."""
        width, height = self._live.console.size
        self._live.update(render(scene, width=width, height=height), refresh=True)


class RecordedStage:
    """Passes everything on and keeps the scenes in which something new happened."""

    def __init__(self, stage: Stage, recording: Recording) -> None:
        """Record what `stage` shows."""
        self._stage = stage
        self._recording = recording
        self._seen: set[object] = set()

    def show(self, scene: Scene) -> None:
        """Pass it on, and keep it if a reader of the README would want to see it."""
        self._stage.show(scene)
        moment = notable(scene)
        if moment is not None and moment not in self._seen:
            self._seen.add(moment)
            ends = scene.status.candidate is None
            self._recording.add(render(scene), seconds=CHAPTER_END_SECONDS if ends else FRAME_SECONDS)

    def end(self, content: RenderableType) -> None:
        """Keep the last picture and write the recording."""
        self._recording.add(content, seconds=LAST_FRAME_SECONDS)
        self._recording.write()


def notable(scene: Scene) -> object | None:
    """Tell apart the moments worth a frame: numbers at each weight, a verdict, an outage, the end of a chapter."""
    analysis = scene.analysis
    if not scene.status.revisions or (analysis is None and scene.status.candidate is not None):
        return None
    return (scene.current, scene.weight, analysis and analysis.verdict, scene.note, len(scene.ended))


def open_console() -> Console:
    """Return a console as wide as the terminal, or as the view where there is none."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


@contextmanager
def open_stage(*, plain: bool) -> Iterator[Stage]:
    """Open the live view, or the plain one when asked for or when nobody watches."""
    console = open_console()
    if plain or not console.is_terminal:
        yield PlainStage(console)
        return
    with Live(console=console, auto_refresh=False, screen=True, vertical_overflow="crop") as live:
        yield LiveStage(live)

"""What a person sees while something takes long: what, how far, how long."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """Numbered steps on a terminal, each with its time; one line a step where there is no terminal."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self._total = total
        self._done = 0
        self._stream = sys.stderr if stream is None else stream
        self._began = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show one step while the body runs."""
        self._done += 1
        label = f"[{self._done:>2}/{self._total}] {what}"
        began = time.monotonic()
        finished = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(label, began, finished), daemon=True)
        ticker.start()
        outcome = "failed after"
        try:
            yield
            outcome = "done in"
        finally:
            finished.set()
            ticker.join()
            self._line(f"{label}: {outcome} {_spell(time.monotonic() - began)}", last=True)

    def note(self, text: str) -> None:
        """A line of its own."""
        self._line(text, last=True)

    def _tick(self, label: str, began: float, finished: threading.Event) -> None:
        if not self._stream.isatty():
            self._line(f"{label} …", last=True)
            return
        while True:
            now = time.monotonic()
            self._line(f"{label} … {_spell(now - began)} (in all {_spell(now - self._began)})", last=False)
            if finished.wait(1):
                return

    def _line(self, text: str, *, last: bool) -> None:
        if self._stream.isatty():
            self._stream.write(f"\r\033[K{text}" + ("\n" if last else ""))
        elif last:
            self._stream.write(text + "\n")
        self._stream.flush()


def _spell(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"

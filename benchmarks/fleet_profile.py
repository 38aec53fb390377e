"""Where a process spends its processor time, by py-spy, which looks at it from outside a hundred times a second.

It does not stop the process for that: a few stacks are torn, and what the process takes stays what it is.
"""

import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_process import Process

RATE = 100
_ROOM = re.compile(r"serin/(\w+)/(\w+)\.py")
_PACKAGE = re.compile(r"site-packages/(\w+)")
_STANDARD = re.compile(r"python3\.\d+/(\w+)")
STARTS = {("controller", "main"), ("controller", "__main__")}
OWN_WORK = {"kopf", "aiohttp", "prometheus_client"}
"""Libraries that run tasks of their own, which nothing of Serin is on the stack of."""


@contextmanager
def recorded(process: Process, path: Path | None) -> Iterator[None]:
    """Record the stacks of a process while the context lasts; without a path nothing happens.

    Raises RuntimeError if there is no py-spy: `pip install py-spy` puts it beside Python.
    """
    if path is None:
        yield
        return
    program = shutil.which("py-spy")
    if program is None:
        raise RuntimeError("--profile needs py-spy on the PATH: pip install py-spy")
    command = [
        program,
        "record",
        f"--pid={process.child.pid}",
        f"--rate={RATE}",
        "--format=raw",
        "--full-filenames",
        "--nonblocking",
    ]
    with subprocess.Popen(
        [*command, f"--output={path}", "--duration=unlimited", "--gil"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as spy:
        try:
            yield
        finally:
            spy.send_signal(signal.SIGINT)
            spy.wait(60)


def report(path: Path) -> str:
    """Two tables: by the room of Serin that the time is spent for, and by the code that spends it."""
    rooms: Counter[str] = Counter()
    leaves: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        rooms[_room(frames)] += int(count)
        leaves[_leaf(frames)] += int(count)
    return "\n\n".join((_table("for what", rooms), _table("in which code", leaves)))


def _room(frames: list[str]) -> str:
    """The innermost file of Serin on the stack below its start, or the library that runs by itself."""
    for frame in reversed(frames):
        found = _ROOM.search(frame)
        if found and found.groups() not in STARTS:
            return f"{found[1]}/{found[2]}.py"
    return next((name for name in map(_library, frames) if name in OWN_WORK), "event loop")


def _leaf(frames: list[str]) -> str:
    """Whose code runs: a room of Serin, or a library."""
    for frame in reversed(frames):
        found = _ROOM.search(frame)
        if found:
            return f"serin/{found[1]}"
        if library := _library(frame):
            return library
    return "other"


def _library(frame: str) -> str:
    found = _PACKAGE.search(frame) or _STANDARD.search(frame)
    return found[1] if found else ""


def _table(title: str, counted: Counter[str]) -> str:
    total = counted.total() or 1
    rows = [f"| {name} | {count / total:.1%} |" for name, count in counted.most_common(22)]
    return "\n".join([f"| {title} | share |", "|---|---|", *rows])

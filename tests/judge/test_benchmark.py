"""The benchmark of judges still runs, its page has all that it says, and what the page says is what was aimed at."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/concepts/judging-benchmark.md").read_text()
PERCENT = re.compile(r"([\d.]+) %")


def table(text: str, header: str) -> list[list[str]]:
    """The cells of the rows below this header."""
    lines = text[text.index(header) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]


def results(text: str) -> dict[tuple[str, str], list[str]]:
    """The numbers of each judge in each world."""
    rows, world = {}, ""
    for first, judge, *numbers in table(text, "| world | judge |"):
        world = first or world
        rows[world, judge] = numbers
    return rows


def test_the_page_has_every_judge_in_every_world_of_the_benchmark() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "benchmarks/judge.py", "--rollouts", "1"], capture_output=True, text=True, check=True
    )
    simulated = results(run.stdout)
    assert results(PAGE).keys() == simulated.keys()
    described = {world for world, *_ in table(PAGE, "| world | what happens |")}
    assert described == {world for world, _ in simulated}


def test_the_page_shows_that_the_promise_was_kept() -> None:
    promised = [world for world, _, kept in table(PAGE, "| world | what happens |") if kept == "yes"]
    wrongly = []
    for world in promised:
        share = PERCENT.match(results(PAGE)[world, "Serin"][0])
        assert share is not None
        wrongly.append(float(share[1]))
    assert len(promised) >= 6
    assert max(wrongly) <= 5.0
    assert sum(wrongly) / len(wrongly) <= 0.5


def test_the_page_shows_that_two_points_are_found_in_six_minutes() -> None:
    _, found, missed, _, minutes, _ = results(PAGE)["errors +2 points", "Serin"]
    assert (found, missed) == ("100 %", "0 %")
    assert float(minutes) <= 6.0

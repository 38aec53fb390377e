"""How judges fare: healthy rollouts rolled back, bad ones missed, how long it takes and what it costs, by simulation.

Serin's judge, and those of other projects from their documented rules (`judge_rivals.py`), in the same worlds
(`judge_worlds.py`). With `--speed`, what Serin's judge costs instead. The same seed gives the same table.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import judge_page
from judge_page import Row
from judge_rivals import Analysis, Counter, MannWhitney, ZTest
from judge_rollouts import Judge, Move, Outcomes, play
from judge_serin import POLICY, START, Serin, speed_counts, tick_of
from judge_worlds import WORLDS, Look, Stage, World
from serin.judge import Judge as RealJudge
from serin.judge import Step, freeze, summarize

JUDGES: dict[str, Callable[[World, int], Judge]] = {
    "Serin": Serin,
    "counter (Flagger)": Counter,
    "analysis (Argo Rollouts)": Analysis,
    "z-test": ZTest,
    "Mann-Whitney (Kayenta)": MannWhitney,
}
SPEED_TICKS = 20


def main() -> None:
    """Simulate, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=2000, help="of each judge in each world")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="processes at once")
    parser.add_argument("--output", type=Path, help="write the page of the documentation there")
    parser.add_argument("--speed", action="store_true", help="measure what a tick of 5,000 rollouts costs instead")
    options = parser.parse_args()
    if options.speed:
        _speed(5000, options.seed)
        return
    began = time.monotonic()
    rows = _simulate(options.rollouts, options.seed, options.workers)
    text = judge_page.table(rows) + "\n" + judge_page.promise(rows)
    print(text)
    print(f"{len(rows) * options.rollouts:,} rollouts in {time.monotonic() - began:.0f} s")
    if options.output:
        options.output.write_text(judge_page.page(text, rollouts=options.rollouts, seed=options.seed))


def _simulate(rollouts: int, seed: int, workers: int) -> list[Row]:
    tasks = [(number, name, rollouts, seed) for number in range(len(WORLDS)) for name in JUDGES]
    # Fresh processes: a fork of one that has threads may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_row, tasks))


def _row(task: tuple[int, str, int, int]) -> Row:
    number, name, rollouts, seed = task
    world = WORLDS[number]
    outcomes = play(Stage(world, rollouts, seed * 1000 + number), JUDGES[name](world, rollouts), rollouts)
    return _sum_up(world, name, outcomes)


def _sum_up(world: World, name: str, outcomes: Outcomes) -> Row:
    back = outcomes.end == Move.ROLL_BACK
    right = back & (outcomes.ticks > world.onset) if world.onset is not None else np.zeros_like(back)
    delays = outcomes.ticks[right] - (world.onset or 0)
    return Row(
        world,
        name,
        wrongly=float((back & ~right).mean()),
        rightly=float(right.mean()),
        promoted=float((outcomes.end == Move.PROMOTE).mean()),
        paused=float((outcomes.end == Move.PAUSE).mean()),
        delay=float(np.median(delays)) if len(delays) else None,
        bad=float(outcomes.bad.mean()),
    )


def _speed(rollouts: int, seed: int) -> None:
    """A tick of many healthy rollouts at once, on one core."""
    judge, budget = RealJudge(), freeze(POLICY, steps=3)
    trials = [judge.open(POLICY, budget=budget, candidate=f"{each:010x}", began=START) for each in range(rollouts)]
    for trial in trials:
        trial.enter(Step(START, 20))
    heard, summed = [], []
    for number in range(1, SPEED_TICKS + 1):
        counts = speed_counts(rollouts, seed + number)
        look = Look(number, counts, counts[:, 0, [0, 2]], np.ones(rollouts, dtype=bool))
        looks = [(trial, tick_of(look, index)) for index, trial in enumerate(trials)]
        begin = time.perf_counter()
        judge.hear(looks)
        middle = time.perf_counter()
        for trial in trials:
            summarize(trial)
        heard.append(middle - begin)
        summed.append(time.perf_counter() - middle)
    print(f"{rollouts:,} rollouts with {len(POLICY.metrics)} metrics, a tick of all at once, median of {SPEED_TICKS}:")
    _print("evidence and what is found in it", heard)
    _print("and what that means for each rollout", summed)


def _print(what: str, seconds: Sequence[float]) -> None:
    print(f"  {what}: {statistics.median(seconds) * 1000:.0f} ms (fastest {min(seconds) * 1000:.0f})")


if __name__ == "__main__":
    main()

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
from judge_rollouts import STEPS, Judge, Move, Outcomes, play
from judge_serin import POLICY, START, Serin, speed_counts, tick_of
from judge_worlds import WORLDS, Look, Stage, World
from serin.judge import Judge as RealJudge
from serin.judge import Step, Trial, freeze, summarize
from serin.judge.processes import Processes
from serin.judge.rule import decide
from serin.judge.share import ShareMeasure

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
    parser.add_argument("--workers", type=int, default=1, help="processes at once, each on a core")
    parser.add_argument("--output", type=Path, help="write the page of the documentation there")
    parser.add_argument("--speed", action="store_true", help="measure what a tick of 5,000 rollouts costs instead")
    options = parser.parse_args()
    if options.speed:
        _speed(5000, options.seed)
        return
    began = time.monotonic()
    rows = _simulate(options.rollouts, options.seed, options.workers)
    print(judge_page.table(rows) + "\n" + judge_page.promise(rows))
    print(f"{len(rows) * options.rollouts:,} rollouts in {time.monotonic() - began:.0f} s")
    if options.output:
        options.output.write_text(judge_page.page(rows, rollouts=options.rollouts, seed=options.seed))


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
    promoted = outcomes.end == Move.PROMOTE
    minutes = outcomes.ticks[promoted] if world.onset is None else outcomes.ticks[right] - world.onset
    return Row(
        world,
        name,
        len(back),
        wrongly=float((back & ~right).mean()),
        rightly=float(right.mean()),
        promoted=float(promoted.mean()),
        paused=float((outcomes.end == Move.PAUSE).mean()),
        minutes=float(np.median(minutes)) if len(minutes) else None,
        bad=float(outcomes.bad.mean()),
    )


def _speed(rollouts: int, seed: int) -> None:
    """A tick of many healthy rollouts at once, on one core."""
    print(
        f"{rollouts:,} rollouts, {len(POLICY.metrics)} metrics each; a tick of all, CPU time, median of {SPEED_TICKS}:"
    )
    _speed_of_evidence(rollouts, seed)
    _speed_of_trials(rollouts, seed)


def _speed_of_evidence(rollouts: int, seed: int) -> None:
    """The arithmetic alone: evidence since the start and of the step, and what is found in it."""
    processes, budget = Processes(), freeze(POLICY, steps=len(STEPS))
    trials = [Trial(POLICY, processes, budget=budget, candidate=str(each), began=START) for each in range(rollouts)]
    shares = [measure for trial in trials for measure in trial.measures if isinstance(measure, ShareMeasure)]
    starts, steps = (np.array([getattr(share, name) for share in shares]) for name in ("start", "step"))
    newest, least = np.zeros(len(shares)), np.full(len(shares), float(POLICY.min_samples))
    seconds = []
    for number in range(1, SPEED_TICKS + 1):
        counts = speed_counts(rollouts, seed + number).reshape(-1, 4)
        begin = time.process_time()
        processes.fold(np.concatenate([starts, steps]), np.concatenate([counts, counts]))
        decide(processes.read(starts), processes.read(steps), newest, least)
        seconds.append(time.process_time() - begin)
    _print("evidence and verdict of every metric, in numpy", seconds)


def _speed_of_trials(rollouts: int, seed: int) -> None:
    """The same by way of the rollouts' own objects, with the split and with what the data lack."""
    judge, budget = RealJudge(), freeze(POLICY, steps=len(STEPS))
    trials = [judge.open(POLICY, budget=budget, candidate=str(each), began=START) for each in range(rollouts)]
    for trial in trials:
        trial.enter(Step(START, 20))
    heard, summed = [], []
    for number in range(1, SPEED_TICKS + 1):
        counts = speed_counts(rollouts, seed + number)
        look = Look(number, counts, counts[:, 0, [0, 2]], np.ones(rollouts, dtype=bool))
        looks = [(trial, tick_of(look, index)) for index, trial in enumerate(trials)]
        begin = time.process_time()
        judge.hear(looks)
        middle = time.process_time()
        for trial in trials:
            summarize(trial)
        heard.append(middle - begin)
        summed.append(time.process_time() - middle)
    _print("the same out of every rollout's ticks, with its split and what it lacks", heard)
    _print("and the verdict of every rollout", summed)


def _print(what: str, seconds: Sequence[float]) -> None:
    print(f"  {what}: {statistics.median(seconds) * 1000:.0f} ms (fastest {min(seconds) * 1000:.0f})")


if __name__ == "__main__":
    main()

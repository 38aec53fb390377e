"""Whether memory stays flat: ModelDeployments are created, rolled out, rolled back and deleted, round after round.

The whole operator runs on the fake API server, and time is moved: a round of eleven simulated minutes takes seconds.
The server shares the process and is made to forget each round; what the operator holds is told apart by who allocated
it (tracemalloc), by how many objects of Serin's own classes there are, and by the series of /metrics.
"""

import argparse
import asyncio
import gc
import os
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from controller.test_costs import churn, held, names_in, series
from controller.whole import Whole, whole_operator

FOLDERS = ("*/operator/serin/*", "*/site-packages/kopf/*")
PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--number", type=int, default=3, help="ModelDeployments in each round")
    parser.add_argument("--every", type=int, default=3, help="rounds between two rows")
    options = parser.parse_args()
    asyncio.run(_measure(options.rounds, options.number, options.every))


async def _measure(rounds: int, number: int, every: int) -> None:
    tracemalloc.start()
    async with whole_operator() as whole:
        began, wall = whole.time.now(), time.monotonic()
        print(
            "| round | simulated minutes | kB allocated by Serin and kopf | Serin's objects | series |"
            " names of deleted ones | RSS MB |\n|---|---|---|---|---|---|---|"
        )
        for current in range(1, rounds + 1):
            await churn(whole, *(f"churning-{current}-{each}" for each in range(number)))
            _empty(whole)
            if current == 1 or current % every == 0:
                minutes = (whole.time.now() - began).total_seconds() / 60
                print(f"| {current} | {minutes:.0f} | {_row(whole)} |", flush=True)
        print(f"\n{rounds * number} ModelDeployments in {time.monotonic() - wall:.0f} s")


def _empty(whole: Whole) -> None:
    """Have the fake API server forget what it has been asked, and its past."""
    whole.server.log.clear()
    whole.server.store.compact()


def _row(whole: Whole) -> str:
    gc.collect()
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern=folder) for folder in FOLDERS]
    snapshot = tracemalloc.take_snapshot().filter_traces(ours)
    kilobytes = sum(statistic.size for statistic in snapshot.statistics("filename")) / 1000
    kinds = Counter(str(type(thing).__module__).partition(".")[0] for thing in gc.get_objects())
    left = {name for name in names_in(held(whole)) if name.startswith("churning-")}
    megabytes = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6
    return f"{kilobytes:.0f} | {kinds['serin']} | {len(series(whole))} | {len(left)} | {megabytes:.0f}"


if __name__ == "__main__":
    main()

"""What rollouts cost: API calls, looks and CPU, for many at once, and for an hour in which nothing happens.

The fake API server counts exactly; it shares the process, so CPU is an upper bound that has the server in it.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from controller.whole import Whole, whole_operator


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=50, help="how many at once")
    asyncio.run(_measure(parser.parse_args().rollouts))


async def _measure(number: int) -> None:
    names = [f"model-{index}" for index in range(number)]
    async with whole_operator() as whole:
        rows = [
            await _phase(whole, "first deployment", names, "1.0.0"),
            await _phase(whole, "canary, promoted", names, "2.0.0"),
        ]
        whole.judge.failing = 0.5
        rows.append(await _phase(whole, "canary, rolled back", names, "3.0.0", phase="Degraded"))
        rows.append(await _idle(whole, number))
    print(f"{number} ModelDeployments, 2 replicas, steps of 20 and 50 % for 60 s, a look every 10 s\n")
    print("| what | API calls each | of them status writes | looks in all | CPU ms each |\n|---|---|---|---|---|")
    print("\n".join(rows))


async def _phase(whole: Whole, title: str, names: list[str], version: str, phase: str = "Healthy") -> str:
    before, looks, began = len(whole.server.log), whole.judge.asked, time.process_time()
    for name in names:
        whole.deploy(version, name)

    def done() -> bool:
        statuses = [whole.status(name) for name in names]
        return all(
            status.get("phase") == phase and any(version == entry["version"] for entry in status.get("history", ()))
            for status in statuses
        )

    await whole.until(done)
    return _row(whole, title, before, whole.judge.asked - looks, (time.process_time() - began) * 1000, len(names))


async def _idle(whole: Whole, number: int) -> str:
    """An hour after everything has settled: old pods are gone, nothing is waited for."""
    await whole.pass_until(whole.time.now() + timedelta(minutes=10))
    before, looks, began = len(whole.server.log), whole.judge.asked, time.process_time()
    await whole.pass_until(whole.time.now() + timedelta(hours=1))
    title = "an hour of nothing"
    return _row(whole, title, before, whole.judge.asked - looks, (time.process_time() - began) * 1000, number)


def _row(whole: Whole, title: str, before: int, looks: int, milliseconds: float, number: int) -> str:
    calls = Counter(call.subresource for call in whole.server.log[before:] if not call.watch)
    total = sum(calls.values())
    return (
        f"| {title} | {total / number:.1f} | {calls['status'] / number:.1f} | {looks} | {milliseconds / number:.1f} |"
    )


if __name__ == "__main__":
    main()

"""How long the local cluster takes: from nothing to a Gateway that routes, and to nothing again."""

import argparse
import statistics
import time

from localcluster import LocalCluster


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    up: list[float] = []
    down: list[float] = []
    for run in range(parser.parse_args().runs):
        began = time.monotonic()
        with LocalCluster(f"benchmark-{run}"):
            up.append(time.monotonic() - began)
            began = time.monotonic()
        down.append(time.monotonic() - began)
    print("| what | minimum s | median s | maximum s |\n|---|---|---|---|")
    for title, seconds in (("up", up), ("down", down)):
        print(f"| {title} | {min(seconds):.1f} | {statistics.median(seconds):.1f} | {max(seconds):.1f} |")


if __name__ == "__main__":
    main()

"""`python -m tutorial images|requests`: what docs/tutorials/first-rollout.md needs beside kubectl."""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import aiohttp

from demo.__main__ import train
from demo.load import VERSION_HEADER, Samples
from demo.local import demo_image
from localcluster import LocalCluster, LocalClusterError
from localcluster.__main__ import attached, default_name
from localcluster.images import operator_image

Command = Callable[[LocalCluster, argparse.Namespace, Samples, Path], None]


def main() -> int:
    """Run one of the commands; returns the exit code."""
    arguments = _parser().parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            _, samples = train(Path(folder))
            run: Command = arguments.run
            run(attached(arguments.name), arguments, samples, Path(folder))
    except LocalClusterError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tutorial")
    parser.add_argument("--name", default=default_name(), help="the local cluster (the checkout's own by default)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    images = commands.add_parser("images", help="make the images of the operator and of the model server, load them")
    images.set_defaults(run=_images)
    requests = commands.add_parser("requests", help="send requests through the gateway, and count who answers")
    requests.add_argument("--host", default="digits.example", help="the route's host name")
    requests.add_argument("--rate", type=float, default=20.0, help="requests a second")
    requests.add_argument("--seconds", type=float, default=600.0, help="when to stop")
    requests.set_defaults(run=_requests)
    return parser


def _images(cluster: LocalCluster, _: argparse.Namespace, __: Samples, models: Path) -> None:
    for image in (operator_image(), demo_image(models)):
        print(f"loading {image.name}", flush=True)
        cluster.load_image(image)


def _requests(cluster: LocalCluster, arguments: argparse.Namespace, samples: Samples, _: Path) -> None:
    asyncio.run(_send(cluster.gateway_url, arguments.host, arguments.rate, arguments.seconds, samples))


async def _send(gateway: str, host: str, rate: float, seconds: float, samples: Samples) -> None:
    """One request after another at a steady rate, and a line a second that says who answered how."""
    answers: Counter[str] = Counter()
    began = said = time.monotonic()
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout, headers={"Host": host}) as session:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            body = json.dumps({"features": random.choice(samples.images)})
            try:
                async with session.post(f"{gateway}/predict", data=body) as response:
                    answers[f"{response.headers.get(VERSION_HEADER, 'nobody')}: {response.status}"] += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                answers[type(error).__name__] += 1
            if time.monotonic() - said >= 1:
                said = time.monotonic()
                print("  ".join(f"{answer} x {count}" for answer, count in sorted(answers.items())), flush=True)
                answers.clear()


if __name__ == "__main__":
    sys.exit(main())

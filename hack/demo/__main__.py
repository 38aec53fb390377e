"""`PYTHONPATH=hack python -m demo`: start a cluster, tell the story, end.

KEEP=1 in the environment leaves the cluster up, and requests coming, until Ctrl-C. Exit codes: 0 the story went
as told and no request was lost, 1 it did not.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from rich.text import Text

from demo.chapters import PROVIDERS, SLOW_AFTER_SECONDS
from demo.installation import evidence, install_joiner, install_serin
from demo.ledger import Ledger
from demo.load import Load, LoadGenerator, Samples
from demo.observer import Observer
from demo.platforms import REPOSITORY, Platform, StoryError
from demo.recording import Recording
from demo.report import Report, render_report
from demo.stage import RecordedStage, open_console, open_stage
from demo.story import MODEL_HOST, OUTCOME_HOST, Story


def main() -> int:
    """Tell the story as the command line asks."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--platform", choices=("local", "kind"), default="local", help="where: %(default)s")
    parser.add_argument("--provider", choices=PROVIDERS, default=PROVIDERS[0], help="who splits: %(default)s")
    parser.add_argument("--plain", action="store_true", help="one line for each change, no live view")
    parser.add_argument("--record", type=Path, metavar="FILE.svg", help="write a picture of the story")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="serin-demo-") as directory:
            return perform(arguments, Path(directory))
    except StoryError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def perform(arguments: argparse.Namespace, directory: Path) -> int:
    """Start the cluster, install, tell, report."""
    with ThreadPoolExecutor() as pool:
        training = pool.submit(train, directory)
        with open_platform(arguments.platform, arguments.provider) as platform:
            samples = prepare(platform, directory, training)
            report, story_error = tell(platform, samples, arguments)
            console = open_console()
            if story_error is not None:
                console.print(Text(evidence(platform)), soft_wrap=True)
                console.print(Text(f"\n{story_error}", style="bold red"), soft_wrap=True)
            console.print(render_report(report))
            if os.environ.get("KEEP") == "1":
                linger(platform, samples)
    return 0 if story_error is None and report.succeeded else 1


def train(directory: Path) -> tuple[str, Samples]:
    """Train the models with the demo's own program; returns what it says, and the images that it held out."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "examples" / "demo" / "server")}
    command = [sys.executable, "-m", "digits", "train", "--output", str(directory)]
    told = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    held_out = directory / "held-out.json"
    samples = Samples.read(held_out)
    held_out.unlink()
    return told, samples


def open_platform(name: str, provider: str) -> AbstractContextManager[Platform]:
    """Open the platform with the provider's proxy; only the one that is used is imported."""
    if name == "kind":
        if provider != PROVIDERS[0]:
            raise StoryError(f"kind is set up with a Gateway alone: `make demo PROVIDER={provider}` needs no kind")
        from demo.kind import kind_platform

        return kind_platform()
    from demo.local import local_platform

    return local_platform(provider)


def prepare(platform: Platform, models: Path, training: Future[tuple[str, Samples]]) -> Samples:
    """Bring images, operator and joiner into the cluster: the operator's part beside the models'."""
    with ThreadPoolExecutor() as pool:
        print("Serin: building its image, installing crds/ and manifests/", flush=True)
        installing = pool.submit(bring_serin, platform)
        told, samples = training.result()
        print(f"{told}model server: building its image", flush=True)
        platform.load_demo(models)
        install_joiner(platform)
        installing.result()
    return samples


def bring_serin(platform: Platform) -> None:
    """Bring the operator's image and its objects into the cluster."""
    platform.load_operator()
    install_serin(platform)


def tell(platform: Platform, samples: Samples, arguments: argparse.Namespace) -> tuple[Report, StoryError | None]:
    """Tell the story on a stage; a story that stops early still has a report."""
    keep = platform.kubeconfig if os.environ.get("KEEP") == "1" else None
    with open_stage(plain=arguments.plain) as stage:
        recorded = RecordedStage(stage, Recording(arguments.record)) if arguments.record else None
        observer = Observer(platform.kubeconfig)
        story = Story(platform, samples, recorded or stage, observer, provider=arguments.provider)
        error = asyncio.run(run(story))
        report = story.report(keep)
        if recorded is not None:
            recorded.end(render_report(report))
    return report, error


async def run(story: Story) -> StoryError | None:
    """Tell the story; returns what stopped it."""
    stopped: StoryError | None = None
    try:
        await story.tell()
    except* StoryError as group:
        stopped = next(error for error in group.exceptions if isinstance(error, StoryError))
    return stopped


def linger(platform: Platform, samples: Samples) -> None:
    """Keep the cluster, and send requests to it, until somebody has seen enough of it."""
    load = Load(
        platform.model_url,
        MODEL_HOST,
        platform.gateway_url,
        OUTCOME_HOST,
        requests_at_most=1_000_000,
        seconds_at_most=8 * 3600.0,
    )
    try:
        asyncio.run(LoadGenerator(load, samples, Ledger(slow_after=SLOW_AFTER_SECONDS)).run())
        signal.pause()
    except KeyboardInterrupt:
        print("ending the cluster")


if __name__ == "__main__":
    sys.exit(main())

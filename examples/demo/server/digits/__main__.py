"""`python -m digits serve`, `… outcomes`, `… train --output DIRECTORY`."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from digits.settings import OutcomeSettings, ServerSettings, SettingsError


def main() -> int:
    """Run one of the three programs of the image; a wrong setting ends it with one line."""
    parser = argparse.ArgumentParser(prog="digits", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="answer predictions with the model that SERIN_MODEL_URI names")
    commands.add_parser("outcomes", help="take the true labels and count right and wrong predictions")
    train = commands.add_parser("train", help="train every model and write it, with the held-out images")
    train.add_argument("--output", type=Path, required=True, help="directory for the artifacts")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    try:
        return run(arguments)
    except SettingsError as error:
        print(f"digits {arguments.command}: {error}", file=sys.stderr)
        return 2


def run(arguments: argparse.Namespace) -> int:
    """Import only what the command needs: a pod is ready sooner without the training code."""
    if arguments.command == "train":
        from digits.training import write_artifacts

        for line in write_artifacts(arguments.output):
            print(line)
        return 0
    from digits.running import run_until_stopped

    if arguments.command == "serve":
        from digits.model import Model
        from digits.server import create_server

        settings = ServerSettings.from_environment()
        server = create_server(settings, Model.load(settings.model_uri))
        asyncio.run(run_until_stopped(server, port=settings.port))
    else:
        from digits.outcomes import create_joiner

        outcome_settings = OutcomeSettings.from_environment()
        asyncio.run(run_until_stopped(create_joiner(outcome_settings), port=outcome_settings.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`serin lint`: what the API server would refuse, and what it would take and a person would regret."""

import argparse
from datetime import timedelta

from serin.api.names import KIND
from serin.api.spec import ModelDeploymentSpec
from serin.cli.advice import Surroundings, advice
from serin.cli.advice_metrics import metrics_advice
from serin.cli.arguments import Subparsers, add_command, add_files, add_output, duration, rate
from serin.cli.findings import Finding, Severity
from serin.cli.manifests import Document, read_documents
from serin.cli.output import say, say_json
from serin.cli.problems import FINE, FOUND, UnusableInputError
from serin.cli.validity import found_objects, invalid, is_ours

DESCRIPTION = """\
Check manifests of ModelDeployments and RolloutActions. Every problem is told with its file and
line, the field, what was found there, and what to write instead. An error is refused by the API
server, or can never work; a warning works, but hardly as it was meant. Objects of other kinds are
passed over."""

CODES = """\
  0  no errors
  1  errors; with --strict warnings too
  2  the command line or a file cannot be used"""


def register(commands: Subparsers) -> None:
    """Add the command."""
    parser = add_command(commands, "lint", about="check manifests", description=DESCRIPTION, codes=CODES)
    add_files(parser)
    parser.add_argument(
        "--scrape-interval",
        type=duration,
        default=timedelta(seconds=15),
        metavar="DURATION",
        help="how often Prometheus scrapes the model servers (default: 15s)",
    )
    parser.add_argument(
        "--requests",
        type=rate,
        metavar="RATE",
        help="requests of both versions together, such as 50/s: checks that minSamples can be reached",
    )
    parser.add_argument("--strict", action="store_true", help="warnings count as errors for the exit code")
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, tell, and say by the exit code whether there are errors."""
    documents = read_documents(options.files)
    ours = [document for document in documents if is_ours(document)]
    if not ours:
        kinds = ", ".join(f"{count} {kind}" for kind, count in found_objects(documents).items()) or "nothing"
        raise UnusableInputError(f"found {kinds}, and no object of Serin's: is it the right file?")
    surroundings = Surroundings(options.scrape_interval, options.requests)
    findings = [found for document in ours for found in _check(document, surroundings)]
    _tell(findings, ours, options.output)
    failing = findings if options.strict else [each for each in findings if each.severity is Severity.ERROR]
    return FOUND if failing else FINE


def _check(document: Document, surroundings: Surroundings) -> list[Finding]:
    errors = invalid(document)
    if errors or document.kind != KIND:
        return sorted(errors, key=lambda found: found.line)
    spec = ModelDeploymentSpec.model_validate(document.content["spec"])
    found = [*metrics_advice(document, spec), *advice(document, spec, surroundings)]
    return sorted(found, key=lambda one: one.line)


def _tell(findings: list[Finding], checked: list[Document], output: str) -> None:
    errors = sum(found.severity is Severity.ERROR for found in findings)
    warnings = len(findings) - errors
    if output == "json":
        say_json(
            {
                "objects": len(checked),
                "errors": errors,
                "warnings": warnings,
                "findings": [found.to_dict() for found in findings],
            }
        )
        return
    for found in findings:
        say(str(found))
    say(f"{_count(len(checked), 'object')}: {_count(errors, 'error')}, {_count(warnings, 'warning')}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"

"""`serin lint`: what the API server would refuse, and what it would take and a person would regret."""

import argparse
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

from serin.api.names import KIND
from serin.api.spec import MetricKind, ModelDeploymentSpec
from serin.cli.access import add_prometheus, address
from serin.cli.advice import Surroundings, advice
from serin.cli.advice_hopeless import hopeless_advice
from serin.cli.advice_live import live_advice, look, scraped_every
from serin.cli.advice_metrics import metrics_advice
from serin.cli.advice_scaling import scaling_advice
from serin.cli.arguments import Subparsers, add_command, add_files, add_output, duration
from serin.cli.findings import Finding, Severity
from serin.cli.live import connected
from serin.cli.manifests import Document, read_documents
from serin.cli.output import say, say_json
from serin.cli.problems import FINE, FOUND, UnusableInputError
from serin.cli.target import target_of
from serin.cli.traffic import Known, add_traffic, said
from serin.cli.validity import found_objects, invalid, is_ours
from serin.metrics import MetricsProvider

DEFAULT_SCRAPES = timedelta(seconds=15)
DESCRIPTION = """\
Check manifests of ModelDeployments and RolloutActions. Every problem is told with its file and
line, the field, what was found there, and what to write instead. An error is refused by the API
server, or can never work; a warning works, but hardly as it was meant. Objects of other kinds are
passed over.

With --requests, plans that are hopeless at that traffic are errors, by the same code as serin
simulate. With --prometheus, the series that the metrics need are looked for: which are missing,
thresholds off the edges of the histogram's buckets, an interval shorter than two scrapes."""

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
        metavar="DURATION",
        help="how often Prometheus scrapes the model servers (default: as --prometheus shows, else 15s)",
    )
    add_traffic(parser)
    add_prometheus(parser, required=False)
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
    specs = [spec for document in ours if (spec := _spec(document)) is not None]
    known = said(options, [name for spec in specs for name in _shares(spec)])
    with _asked(options) as provider:
        findings = [found for document in ours for found in _check(document, _Given(options, known, provider))]
    _tell(findings, ours, options.output)
    failing = findings if options.strict else [each for each in findings if each.severity is Severity.ERROR]
    return FOUND if failing else FINE


@dataclass(frozen=True)
class _Given:
    """What is known beside the manifests."""

    options: argparse.Namespace
    known: Known
    provider: MetricsProvider | None


def _asked(options: argparse.Namespace) -> AbstractContextManager[MetricsProvider | None]:
    return nullcontext() if options.prometheus is None else connected(address(options))


def _spec(document: Document) -> ModelDeploymentSpec | None:
    """Of a valid ModelDeployment."""
    if document.kind != KIND or invalid(document):
        return None
    return ModelDeploymentSpec.model_validate(document.content["spec"])


def _shares(spec: ModelDeploymentSpec) -> list[str]:
    metrics = spec.analysis.metrics if spec.analysis else ()
    return [metric.name for metric in metrics if metric.kind is MetricKind.SHARE]


def _check(document: Document, given: _Given) -> list[Finding]:
    spec = _spec(document)
    if spec is None:
        return sorted(invalid(document), key=lambda found: found.line)
    found = [*metrics_advice(document, spec), *scaling_advice(document, spec)]
    target = target_of(document, spec)
    knows_server = not any(one.rule == "unknown-server" for one in found)
    seen = look(target, given.provider) if target and given.provider and knows_server else ()
    if target is not None:
        found += live_advice(target, seen)
    scrapes = given.options.scrape_interval or scraped_every(seen) or DEFAULT_SCRAPES
    found += advice(document, spec, Surroundings(scrapes, given.known.requests))
    is_sound = all(one.severity is Severity.WARNING for one in found)
    if target is not None and given.known.requests is not None and is_sound:
        found += hopeless_advice(target, given.known, given.known.requests)
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

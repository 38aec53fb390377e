"""`serin presets`: which there are, what each counts and what it cannot tell; and whether a Prometheus has it."""

import argparse
from collections.abc import Sequence
from typing import Any

from serin.api.base import format_duration
from serin.api.spec import MetricName
from serin.cli.access import add_prometheus, address
from serin.cli.arguments import Subparsers, add_command, add_output
from serin.cli.live import connected
from serin.cli.output import say, say_json, table
from serin.cli.probe import Probed, Scope, probe
from serin.cli.problems import FINE, FOUND, UnusableInputError
from serin.cli.signals import series_of
from serin.metrics.preset import Preset, PresetError, load_preset, preset_names

DESCRIPTION = """\
List the presets: the model servers and proxies whose metrics Serin knows. With a name, explain one:
which series it reads, what it cannot give, what must be switched on first."""
PROBE_DESCRIPTION = """\
Ask a live Prometheus for every series of a preset: which are missing, which of their labels are,
which revisions are there, at which edges the latency is counted, and how often it is scraped."""
CODES = """\
  0  fine
  2  there is no such preset"""
PROBE_CODES = """\
  0  the series are there, with their labels
  1  a series or a label that is needed is missing
  2  the command line or the server's answer cannot be used"""


def register(commands: Subparsers) -> None:
    """Add the command, and `presets probe`, which `main` hands on as one word."""
    parser = add_command(commands, "presets", about="list and explain presets", description=DESCRIPTION, codes=CODES)
    parser.add_argument("name", nargs="?", metavar="NAME", help="the preset to explain; all are listed without one")
    add_output(parser)
    parser.set_defaults(run=run)
    parser = add_command(
        commands,
        "presets probe",
        about="see whether a live Prometheus has the series of a preset",
        description=PROBE_DESCRIPTION,
        codes=PROBE_CODES,
    )
    parser.add_argument("name", metavar="NAME", help="the preset")
    add_prometheus(parser, required=True)
    parser.add_argument("--namespace", metavar="NAME", help="look in this namespace only")
    parser.add_argument("--model", metavar="NAME", help="look at this ModelDeployment only")
    add_output(parser)
    parser.set_defaults(run=run_probe)


def run(options: argparse.Namespace) -> int:
    """List them, or explain one."""
    if options.name is not None:
        preset = _load(options.name)
        if options.output == "json":
            say_json(_as_json(preset))
        else:
            say(explain(preset))
        return FINE
    presets = [load_preset(name) for name in preset_names()]
    if options.output == "json":
        say_json([_as_json(preset) for preset in presets])
    else:
        rows = [(preset.name, preset.kind.lower(), ", ".join(_gives(preset)), preset.title) for preset in presets]
        say(table(("NAME", "COUNTED BY", "GIVES", "WHAT IT IS"), rows))
    return FINE


def run_probe(options: argparse.Namespace) -> int:
    """Ask for every series, and tell."""
    preset = _load(options.name)
    with connected(address(options)) as provider:
        probed = [probe(provider, preset, one, Scope(options.namespace, options.model)) for one in series_of(preset)]
    broken = any(one.problem is not None and one.wanted.needed for one in probed)
    if options.output == "json":
        say_json({"preset": preset.name, "usable": not broken, "series": [one.to_dict() for one in probed]})
    else:
        say(_probed_as_text(preset, probed))
    return FOUND if broken else FINE


def _load(name: str) -> Preset:
    try:
        return load_preset(name)
    except PresetError as error:
        raise UnusableInputError(str(error)) from error


def _gives(preset: Preset) -> list[str]:
    there = {
        MetricName.ERROR_RATE: preset.requests.tells_failures,
        MetricName.LATENCY: preset.latency is not None,
        MetricName.ACCURACY: preset.outcomes is not None,
        MetricName.PREDICTION_DRIFT: preset.scores is not None or preset.classes is not None,
        MetricName.INPUT_DRIFT: preset.features is not None,
    }
    return [str(name) for name, given in there.items() if given]


def explain(preset: Preset) -> str:
    """All about a preset, for people."""
    lines = [f"{preset.name}: {preset.title}", "", "Reads", ""]
    rows = [(one.signal, one.metric, ", ".join(one.labels)) for one in series_of(preset)]
    lines += _indented(table(("FOR", "SERIES", "LABELS"), rows))
    told = ", ".join(f'{label}="{value}"' for label, value in preset.revision.labels.items())
    lines += ["", f"Tells a revision by {told}", "", f"Gives {', '.join(_gives(preset)) or 'requests alone'}"]
    lines += _listed("Cannot give", [f"{name}: {why}" for name, why in preset.lacks.items()])
    lines += _listed("Switch on first", preset.setup)
    lines += _listed("Mind", preset.gaps)
    return "\n".join(lines)


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _listed(head: str, entries: Sequence[str]) -> list[str]:
    return ["", head, *(f"- {entry}" for entry in entries)] if entries else []


def _as_json(preset: Preset) -> dict[str, Any]:
    return preset.model_dump(mode="json") | {"gives": _gives(preset)}


def _probed_as_text(preset: Preset, probed: Sequence[Probed]) -> str:
    rows = [(one.wanted.signal, one.wanted.metric, str(one.series), one.state) for one in probed]
    lines = [table(("FOR", "SERIES", "FOUND", "STATE"), rows)]
    revisions = sorted({revision for one in probed for revision in one.revisions})
    if revisions:
        lines += ["", f"Revisions, by {', '.join(preset.label_names)}:", *(f"- {revision}" for revision in revisions)]
    for one in probed:
        if one.edges:
            lines += ["", f"{one.wanted.metric} has its edges at {', '.join(one.edges_in_words)}"]
    scraped = [one.scraped_every for one in probed if one.scraped_every is not None]
    if scraped:
        every = max(scraped)
        lines += ["", f"Scraped every {format_duration(every)}: an analysis wants an interval of at least twice that"]
    return "\n".join(lines)

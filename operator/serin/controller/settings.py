"""How the operator is set up: flags, `SERIN_*` variables, defaults. A wrong one stops it at its start."""

import argparse
import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from serin import __version__
from serin.api.base import parse_duration

PREFIX = "SERIN_"

_SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$")
"""What Kubernetes puts into every pod about a Service that is called `serin` or `serin-…`."""


class SettingsError(Exception):
    """A setting is wrong; the message is one line that names it, what was found and what is expected."""


def _text(value: str) -> str:
    return value.strip()


def _namespace(value: str) -> str:
    if value and not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
        raise ValueError("the name of a namespace, or nothing for all of them")
    return value


def _namespace_of_lease(value: str) -> str:
    try:
        return _namespace(value)
    except ValueError as error:
        raise ValueError("the name of a namespace, or nothing for that of Serin's own pod") from error


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", value):
        raise ValueError("a URL such as http://prometheus.monitoring:9090")
    return value.rstrip("/")


def _seconds(value: str) -> float:
    try:
        seconds = parse_duration(value).total_seconds()
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise ValueError("a duration above zero such as 1s, 500ms or 2m")
    return seconds


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.isascii() or not value.isdecimal() or not least <= int(value) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(value)

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return value

    return parse


def _setting(default: str, parse: Callable[[str], Any], text: str) -> Any:
    """A field whose default is written as a user would write it."""
    return field(default=parse(default), metadata={"default": default, "parse": parse, "help": text})


@dataclass(frozen=True)
class Settings:
    """Everything about the operator that is not in a ModelDeployment. Durations are in seconds."""

    kubeconfig: str = _setting(
        "", _text, "Kubeconfig to use; else KUBECONFIG, else the pod's service account, else ~/.kube/config."
    )
    namespace: str = _setting("", _namespace, "Serve only this namespace; all of them if empty.")
    prometheus_url: str = _setting(
        "http://prometheus.monitoring:9090",
        _url,
        "Prometheus, where the counts of each version are asked for: the server `default`, unless there is a file of "
        "servers.",
    )
    prometheus_config: str = _setting(
        "",
        _text,
        "A YAML file of Prometheus servers by name, with their credentials (docs/concepts/metrics.md), in place of "
        "the URL.",
    )
    query_delay: float = _setting(
        "1s", _seconds, "How long after a tick's end Prometheus is asked, so that its last scrape is in."
    )
    query_timeout: float = _setting(
        "10s",
        _seconds,
        "How long one query may take, unless its server has a timeout of its own, and at most four fifths of the "
        "analysis' interval; then there are no data.",
    )
    status_refresh: float = _setting(
        "60s", _seconds, "How often counts in a status are brought up to date when nothing is decided."
    )
    leader_election: str = _setting(
        "on", _one_of("on", "off"), "Whether replicas agree on one that acts; off only where there is never a second."
    )
    leader_election_namespace: str = _setting(
        "", _namespace_of_lease, "The namespace of the Lease that they agree by; that of Serin's own pod if empty."
    )
    workers: int = _setting("8", _whole(1, 256), "How many ModelDeployments are worked on at once.")
    http_address: str = _setting("0.0.0.0", _text, "The address that /metrics, /livez and /readyz listen on.")  # noqa: S104 - probes and Prometheus come from other hosts
    http_port: int = _setting("8080", _whole(0, 65535), "Their port; 0 takes a free one and logs it.")
    log_level: str = _setting(
        "info", _one_of("debug", "info", "warning", "error"), "The least important records that are logged."
    )
    audit_log: str = _setting(
        "-",
        _text,
        "The file that the audit log is appended to; - for standard output; if empty, only the last records are kept, "
        "in the statuses.",
    )
    log_format: str = _setting("json", _one_of("json", "text"), "One JSON object a line, or text for people.")


def load_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the settings; `--help` and `--version` print and exit.

    Raises:
        SettingsError: a flag or variable is unknown, or its value is wrong.
    """
    flags = vars(_parser().parse_args(list(arguments)))
    known = {variable_of(setting.name) for setting in dataclasses.fields(Settings)}
    unknown = sorted(
        name for name in environment if name.startswith(PREFIX) and name not in known and not _SERVICE_LINK.search(name)
    )
    if unknown:
        raise SettingsError(f"{unknown[0]} is not a setting of Serin: known are {', '.join(sorted(known))}")
    values: dict[str, Any] = {}
    for setting in dataclasses.fields(Settings):
        variable = variable_of(setting.name)
        if flags[setting.name] is not None:
            values[setting.name] = _read(flag_of(setting.name), flags[setting.name], setting.metadata["parse"])
        elif variable in environment:
            values[setting.name] = _read(variable, environment[variable], setting.metadata["parse"])
    return Settings(**values)


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def flag_of(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def _read(origin: str, value: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise SettingsError(f"{origin} is {value!r}, expected {error}") from error


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message}; --help lists all flags")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="serin-operator",
        description="Serin: canary rollouts for machine-learning models on Kubernetes.",
        epilog="A flag wins over its variable, a variable over the default.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"serin {__version__}")
    for setting in dataclasses.fields(Settings):
        default = setting.metadata["default"] or "empty"
        parser.add_argument(
            flag_of(setting.name),
            dest=setting.name,
            metavar=setting.name.rpartition("_")[2].upper(),
            help=f"{setting.metadata['help']} [{variable_of(setting.name)}, default: {default}]",
        )
    return parser

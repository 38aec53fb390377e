"""The log: one JSON object a line for machines, or text for people."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from serin.controller.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

QUIET = {
    # kopf tells each event of each object, and each step of its own life.
    "kopf": logging.ERROR,
    # What it fails at is told by Serin with what it means; kopf's own lines repeat each attempt.
    "kopf._cogs.clients": logging.CRITICAL,
    # One line for each request of a probe.
    "aiohttp.access": logging.WARNING,
    "asyncio": logging.WARNING,
    "urllib3": logging.ERROR,
}


class JSONFormatter(logging.Formatter):
    """A record as one JSON object: time, level, logger, message, the `extra` that was given, and the error."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        entry: dict[str, Any] = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras_of(record),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A record as a line for people; an error's traceback follows."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        extras = _extras_of(record)
        subject = extras.pop("object", None)
        parts = [_time_of(record), f"{record.levelname:<7}"]
        parts += [f"[{subject}]"] if subject else []
        parts += [record.getMessage(), *(f"{key}={value}" for key, value in extras.items())]
        line = " ".join(parts)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logs(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Send all logs to one place, in the form and from the level that the settings say."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter() if settings.log_format == "json" else TextFormatter())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for name, least in QUIET.items():
        # Whoever asks for everything gets it.
        logging.getLogger(name).setLevel(logging.NOTSET if settings.log_level == "debug" else least)
    logging.captureWarnings(capture=True)


def _time_of(record: logging.LogRecord) -> str:
    when = datetime.fromtimestamp(record.created, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extras_of(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD and not key.startswith("_")}

"""The log: each record whole on one line, kopf's own chatter left out."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from serin.controller.logs import QUIET, configure_logs
from serin.controller.settings import Settings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """What a test does to the logs of the whole process is undone."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def configured(**settings: str) -> io.StringIO:
    stream = io.StringIO()
    configure_logs(replace(Settings(), **settings), stream)  # type: ignore[arg-type]
    return stream


def test_a_record_is_one_json_object_with_what_was_given_besides() -> None:
    stream = configured()
    logging.getLogger("serin.test").warning("two\nlines of %s", "text", extra={"object": "ml/fraud", "step": 3})
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "warning",
        "logger": "serin.test",
        "message": "two\nlines of text",
        "object": "ml/fraud",
        "step": 3,
    }


def test_an_error_keeps_its_traceback() -> None:
    stream = configured()
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logging.getLogger("serin.test").exception("failed", extra={"value": object()})
    entry = json.loads(stream.getvalue())
    assert "ZeroDivisionError" in entry["error"]
    assert entry["value"].startswith("<object")


def test_text_is_for_people() -> None:
    stream = configured(log_format="text")
    logging.getLogger("serin.test").info("promoted", extra={"object": "ml/fraud", "revision": "abc"})
    assert stream.getvalue().endswith("Z INFO    [ml/fraud] promoted revision=abc\n")


def test_the_level_is_kept() -> None:
    stream = configured(log_level="warning")
    logging.getLogger("serin.test").info("not so important")
    assert stream.getvalue() == ""


def test_kopf_is_quiet_unless_everything_is_asked_for() -> None:
    stream = configured()
    logging.getLogger("kopf.objects").info("Handler 'on_event' succeeded.")
    assert stream.getvalue() == ""
    stream = configured(log_level="debug")
    logging.getLogger("kopf.objects").info("Handler 'on_event' succeeded.")
    assert "succeeded" in stream.getvalue()


def test_the_log_goes_to_the_standard_error() -> None:
    configure_logs(Settings())
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr or handler.stream is not sys.stdout

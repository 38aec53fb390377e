"""What the commands write: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

RIGHT = frozenset("0123456789.,%+-−")


def say(text: str) -> None:
    """Write to standard output."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def complain(text: str) -> None:
    """Write to standard error."""
    sys.stderr.write(f"serin: {text}\n")


def say_json(value: Any) -> None:
    """Write a value as JSON."""
    say(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under their heads, two spaces apart; columns of numbers stand to the right."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(_is_number(cell) for cell in column[1:]) and len(column) > 1 for column in columns]
    lines = []
    for row in (head, *rows):
        cells = zip(row, widths, right, strict=True)
        lines.append("  ".join(cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in cells))
    return "\n".join(line.rstrip() for line in lines)


def _is_number(cell: str) -> bool:
    return bool(cell) and all(char in RIGHT for char in cell)


def written(at: datetime) -> str:
    """A time as the resource model writes it; with a fraction of a second, if it has one."""
    moment = at.astimezone(UTC)
    seconds = f"{moment:%Y-%m-%dT%H:%M:%S}"
    return f"{seconds}.{moment.microsecond:06d}".rstrip("0") + "Z" if moment.microsecond else f"{seconds}Z"

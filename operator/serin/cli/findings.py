"""What is wrong with a manifest, or could be better."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from serin.cli.manifests import Document, FieldPath

_LONGEST_FOUND = 80


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """The API server refuses it, or a rollout by it cannot succeed."""
    WARNING = "warning"
    """It works, but hardly as it was meant."""


@dataclass(frozen=True)
class Finding:
    """One problem: where it is, what was found there, and what to write instead."""

    severity: Severity
    rule: str
    file: str
    line: int
    object: str
    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: {self.severity}: {self.object}: {self.field or 'the whole object'}"
        return f"{where}: found {self.found}: {self.expected} [{self.rule}]"

    def to_dict(self) -> dict[str, Any]:
        """The finding for programs."""
        return {
            "severity": str(self.severity),
            "rule": self.rule,
            "file": self.file,
            "line": self.line,
            "object": self.object,
            "field": self.field,
            "found": self.found,
            "expected": self.expected,
        }


def finding(
    document: Document, path: FieldPath, expected: str, *, rule: str, severity: Severity = Severity.ERROR
) -> Finding:
    """A finding about a field of a document."""
    there = _is_there(document, path)
    return Finding(
        severity=severity,
        rule=rule,
        file=document.file,
        line=document.line(path),
        object=document.title,
        field=field_name(path),
        found=_shown(document.value(path)) if there else "nothing",
        expected=expected,
    )


def field_name(path: FieldPath) -> str:
    """A path as kubectl writes it: `spec.analysis.metrics[0].threshold`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def _is_there(document: Document, path: FieldPath) -> bool:
    if not path:
        return True
    parent = document.value(path[:-1])
    if isinstance(parent, Mapping):
        return path[-1] in parent
    return isinstance(parent, list) and isinstance(path[-1], int) and path[-1] < len(parent)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_FOUND else f"{text[: _LONGEST_FOUND - 1]}…"

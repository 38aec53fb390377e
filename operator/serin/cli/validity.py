"""A manifest held to what the API server would hold it to, by the same models and rules; everything that is wrong."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from serin.api.base import Model
from serin.api.crd import CUSTOM_RESOURCES, CustomResource
from serin.api.names import API_VERSION, GROUP
from serin.api.rules import BrokenRulesError
from serin.cli.findings import Finding, finding
from serin.cli.manifests import Document, FieldPath

RESOURCES = {resource.kind: resource for resource in CUSTOM_RESOURCES}
_IN_WORDS = {
    "string_type": "write a string: put it in quotes",
    "int_type": "write a whole number, without quotes",
    "int_from_float": "write a whole number",
    "bool_type": "write true or false",
    "greater_than_equal": "write at least {ge}",
    "less_than_equal": "write at most {le}",
    "literal_error": "write {expected}",
    "enum": "write {expected}",
    "too_short": "write at least {min_length}",
    "too_long": "write at most {max_length}",
    "string_too_short": "write at least {min_length} characters",
    "string_too_long": "write at most {max_length} characters",
    "model_type": "write its fields below it",
    "model_attributes_type": "write its fields below it",
    "tuple_type": "write a list",
    "dict_type": "write its fields below it",
}
"""pydantic's own errors, in the words of Serin's rules."""
_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")


def is_ours(document: Document) -> bool:
    """Whether an object is one of Serin's; one without an apiVersion is, by its kind."""
    if document.kind not in RESOURCES:
        return False
    version = document.content.get("apiVersion")
    return not isinstance(version, str) or version.split("/")[0] == GROUP


def invalid(document: Document) -> list[Finding]:
    """Why the API server would refuse this object of Serin's (under strict field validation, kubectl's default).

    As on the API server, rules of a part are looked at when its fields are right.
    """
    resource = RESOURCES[document.kind or ""]
    return [*_outside_spec(document, resource), *_in_spec(document, resource.spec)]


def _outside_spec(document: Document, resource: CustomResource) -> Iterator[Finding]:
    for path in document.repeated_fields():
        yield finding(document, path, "it stands twice: leave one out", rule="repeated-field")
    if document.value(("apiVersion",)) != API_VERSION:
        yield finding(document, ("apiVersion",), f"write {API_VERSION}", rule="api-version")
    for name in document.content:
        if name not in _FIELDS:
            yield finding(document, (name,), _unknown(str(name), _FIELDS), rule="unknown-field")
    name = document.value(("metadata", "name"))
    if name is None and isinstance(document.value(("metadata", "generateName")), str):
        return
    if not isinstance(name, str):
        yield finding(document, ("metadata", "name"), "write a name", rule="missing-field")
        return
    for rule in resource.rules:
        if rule.holds is not None and not rule.holds(document.content):
            yield finding(document, _below((), rule.field), rule.message, rule="rule")


def _in_spec(document: Document, model: type[Model]) -> Iterator[Finding]:
    if "spec" not in document.content:
        yield finding(document, ("spec",), "write what is wanted below spec", rule="missing-field")
        return
    try:
        model.model_validate(document.content["spec"])
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in details:
            if not _follows(detail, details):
                yield from _told(document, model, detail)


def _follows(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a list is called too short only because its entries are wrong, which is told of each."""
    path = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(path) and other["loc"][: len(path)] == path for other in details
    )


def _told(document: Document, model: type[Model], detail: ErrorDetails) -> Iterator[Finding]:
    path: FieldPath = ("spec", *detail["loc"])
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, BrokenRulesError):
        for rule in cause.rules:
            yield finding(document, _below(path, rule.field), rule.message, rule="rule")
    elif detail["type"] == "extra_forbidden":
        known = _fields_at(model, path[1:-1])
        yield finding(document, path, _unknown(str(path[-1]), known), rule="unknown-field")
    elif detail["type"] == "missing":
        yield finding(document, path, "it must be there: write it", rule="missing-field")
    else:
        yield finding(document, path, _expected(detail), rule="value")


def _expected(detail: ErrorDetails) -> str:
    if detail["type"] in _IN_WORDS:
        return _IN_WORDS[detail["type"]].format_map(detail.get("ctx", {}))
    message = re.sub(r"^(Value error, |Input )", "", detail["msg"])
    # The scalars' own errors begin with what was found, which stands before already.
    return message.removeprefix(f"{detail['input']!r} is ")


def _below(path: FieldPath, field: str | None) -> FieldPath:
    return (*path, *(field or "").split(".")[1:])


def _unknown(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    meant = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"there is no such field: {meant}"


def _fields_at(model: type[BaseModel], path: FieldPath) -> tuple[str, ...]:
    """The names of the fields of the part at a path."""
    for step in path:
        if isinstance(step, str):
            fields = {info.alias or name: info for name, info in model.model_fields.items()}
            found = _model_in(fields[step].annotation) if step in fields else None
            if found is None:
                return ()
            model = found
    return tuple(info.alias or name for name, info in model.model_fields.items())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as `tuple[Step, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    parts = (_model_in(part) for part in get_args(annotation))
    return next((part for part in parts if part is not None), None)


def found_objects(documents: list[Document]) -> Mapping[str, int]:
    """How many objects of each kind there are."""
    counted: dict[str, int] = {}
    for document in documents:
        kind = document.kind or "objects without a kind"
        counted[kind] = counted.get(kind, 0) + 1
    return counted

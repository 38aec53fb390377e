"""The reference of a resource as Markdown: every field, its type, its default, what it is for, and the rules."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from serin.api.base import DURATION_HELP, PROPORTION_HELP
from serin.api.crd import CustomResource
from serin.api.names import API_VERSION
from serin.api.rules import VALIDATIONS

_KINDS = {DURATION_HELP: "duration", PROPORTION_HELP: "share"}
_INTRODUCTION = """\
<!-- Made from the models in operator/serin/api by `make crds`: edit those. -->
# {kind}

{description}

`apiVersion: {api_version}`, `kind: {kind}`; `kubectl get {short_name}` lists them.

{kinds}- A field with a default may be left out. The API server writes the default into the object, so
  `kubectl get -o yaml` shows what is in force.
- An unknown field is refused by `kubectl apply`; so is whatever breaks a rule below, with the message that
  stands there.
"""


_KINDS_IN_WORDS = {
    "duration": "- A **duration** is written as `90s`, `5m`, `1h30m` or `250ms`, at most a year.\n",
    "share": '- A **share** is a percentage such as `"2%"` or a fraction such as `"0.02"`, written as a string.\n',
}


def reference(resource: CustomResource) -> str:
    """The page of one resource."""
    schema = resource.schema()
    used = "\n".join(line for name in ("spec", "status") for line in _sections(name, schema["properties"][name]))
    parts = [
        _INTRODUCTION.format(
            kind=resource.kind,
            description=resource.description,
            api_version=API_VERSION,
            short_name=resource.short_name,
            kinds="".join(words for kind, words in _KINDS_IN_WORDS.items() if f"| {kind} |" in used),
        )
    ]
    if rules := _rules(schema):
        parts.append(rules)
    return "\n".join([*parts, used])


def _sections(path: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """A section for an object, then one for each object in it, in the order of the fields."""
    yield _section(path, schema)
    for name, field in schema["properties"].items():
        below = field.get("items", field)
        if below.get("properties"):
            suffix = "[]" if "items" in field else ""
            yield from _sections(f"{path}.{name}{suffix}", below)


def _section(path: str, schema: Mapping[str, Any]) -> str:
    lines = [f"## `{path}`", "", schema["description"], "", "| field | type | default | what it is for |"]
    lines.append("|---|---|---|---|")
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        default = "*required*" if name in required else _default(field)
        lines.append(f"| `{name}` | {_type(field)} | {default} | {_cell(field.get('description', ''))} |")
    text = "\n".join([*lines, ""])
    rules = _rules(schema) + "".join(_field_rules(schema))
    return f"{text}\n{rules}" if rules else text


def _rules(schema: Mapping[str, Any]) -> str:
    return "".join(
        f"- `{rule['fieldPath'][1:]}`: {rule['message']}.\n" if "fieldPath" in rule else f"- {rule['message']}.\n"
        for rule in schema.get(VALIDATIONS, ())
    )


def _field_rules(schema: Mapping[str, Any]) -> Iterator[str]:
    """The rules of the fields that get no section of their own."""
    for name, field in schema["properties"].items():
        if "properties" not in field:
            for each in (field, field.get("items", {}) if "properties" not in field.get("items", {}) else {}):
                for rule in each.get(VALIDATIONS, ()):
                    if rule["message"] not in _KINDS:
                        yield f"- `{name}`: {rule['message']}.\n"


def _type(field: Mapping[str, Any]) -> str:
    if field["type"] == "array":
        return f"list of {_type(field['items'])}{_range(field, 'minItems', 'maxItems', ' entries')}"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "string":
        return _string(field)
    return str(field["type"]) + _range(field, "minimum", "maximum", "")


def _string(field: Mapping[str, Any]) -> str:
    kinds = [_KINDS[rule["message"]] for rule in field.get(VALIDATIONS, ()) if rule["message"] in _KINDS]
    if kinds:
        return kinds[0]
    if field.get("format") == "date-time":
        return "time"
    return "string" + _range(field, "minLength", "maxLength", " characters")


def _range(field: Mapping[str, Any], lowest: str, highest: str, unit: str) -> str:
    low, high = field.get(lowest), field.get(highest)
    if low is None and high is None:
        return ""
    if low is None:
        return f", at most {high}{unit}"
    return f", at least {low}{unit}" if high is None else f", {low} to {high}{unit}"


def _default(field: Mapping[str, Any]) -> str:
    return f"`{json.dumps(field['default'])}`" if "default" in field else ""


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())

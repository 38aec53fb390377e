"""From a pydantic model to the structural schema of a CRD.

Kubernetes takes a small part of JSON schema: no references, no unions but one with null, exclusive bounds as
flags, defaults that a server fills in level by level. What has no place there is an error when the CRD is made,
never a surprise when it is applied.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from serin.api.base import Model, format_duration
from serin.api.rules import VALIDATIONS

_ORDER = (
    "type",
    "format",
    "description",
    "default",
    "enum",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
    "required",
    "properties",
    "items",
    "additionalProperties",
)
"""The keys of a structural schema that Serin uses, in the order in which a reader wants them."""

_CONVERTED = {"exclusiveMinimum", "exclusiveMaximum", "properties", "items", "additionalProperties"}
_SAME = set(_ORDER) - _CONVERTED
# Titles repeat the names of the fields.
_UNDERSTOOD = {*_ORDER, "const", "title", "$defs"}


class SchemaError(ValueError):
    """A model says what a structural schema cannot."""


class _Generator(GenerateJsonSchema):
    """pydantic's own, with defaults as Kubernetes stores them."""

    def encode_default(self, dft: Any) -> Any:
        """A default as it would be written in YAML."""
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", by_alias=True, exclude_none=True)
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, tuple):
            return [self.encode_default(entry) for entry in dft]
        return super().encode_default(dft)


def structural_schema(model: type[Model]) -> dict[str, Any]:
    """The structural schema of a model.

    Raises:
        SchemaError: the model has no such schema; the message names the place and what to write instead.
    """
    document = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    return _Converter(document.get("$defs", {})).convert(document, model.__name__)


def with_defaults(schema: Mapping[str, Any], value: Any) -> Any:
    """The value as the API server stores it: defaults filled in wherever their parent is there."""
    if isinstance(value, Mapping):
        filled = dict(value)
        for name, child in schema.get("properties", {}).items():
            if name not in filled and "default" in child:
                filled[name] = child["default"]
            if name in filled:
                filled[name] = with_defaults(child, filled[name])
        return filled
    if isinstance(value, list) and "items" in schema:
        return [with_defaults(schema["items"], entry) for entry in value]
    return value


def _beside(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> dict[str, Any]:
    """Two schemas of one place in one: the outer one wins, and the rules of both hold."""
    rules = [*inner.get(VALIDATIONS, ()), *outer.get(VALIDATIONS, ())]
    return {**inner, **outer} | ({VALIDATIONS: rules} if rules else {})


class _Converter:
    def __init__(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        self._definitions = definitions

    def convert(self, source: Mapping[str, Any], path: str, within: tuple[str, ...] = ()) -> dict[str, Any]:
        """Convert one schema. `path` is for errors; `within` the models around it, for recursion."""
        source, within = self._inlined(source, path, within)
        if unknown := source.keys() - _UNDERSTOOD:
            raise SchemaError(f"{path}: {', '.join(sorted(unknown))} has no place in a structural schema")
        result = {key: value for key, value in source.items() if key in _SAME}
        result |= self._bounds(source) | self._children(source, path, within)
        if "type" not in result:
            raise SchemaError(f"{path}: has no type; give Any a schema of its own by WithJsonSchema")
        result = self._with_nested_default(result, path)
        return {key: result[key] for key in _ORDER if key in result}

    @staticmethod
    def _bounds(source: Mapping[str, Any]) -> dict[str, Any]:
        """A constant is an enum of one; an exclusive bound is a bound and a flag."""
        result: dict[str, Any] = {"enum": [source["const"]]} if "const" in source else {}
        for flag, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if flag in source:
                result |= {bound: source[flag], flag: True}
        return result

    def _children(self, source: Mapping[str, Any], path: str, within: tuple[str, ...]) -> dict[str, Any]:
        """The schemas within, converted; an object that is open to anything is said to be so."""
        result: dict[str, Any] = {}
        if "properties" in source:
            result["properties"] = {
                name: self.convert(child, f"{path}.{name}", within) for name, child in source["properties"].items()
            }
        if "items" in source:
            result["items"] = self.convert(source["items"], f"{path}[]", within)
        additional = source.get("additionalProperties", False)
        if isinstance(additional, Mapping):
            result["additionalProperties"] = self.convert(additional, f"{path}{{}}", within)
        elif additional:
            result["x-kubernetes-preserve-unknown-fields"] = True
        return result

    def _inlined(
        self, source: Mapping[str, Any], path: str, within: tuple[str, ...]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The source with its references and its union with null resolved; what stands beside them wins."""
        merged = dict(source)
        while "$ref" in merged or "anyOf" in merged:
            if "$ref" in merged:
                name = merged.pop("$ref").removeprefix("#/$defs/")
                if name in within:
                    raise SchemaError(f"{path}: {name} contains itself, and a structural schema has an end")
                within = (*within, name)
                merged = _beside(self._definitions[name], merged)
            else:
                merged = _beside(self._without_null(merged.pop("anyOf"), path), merged)
                if merged.get("default", ...) is None:
                    del merged["default"]
        return merged, within

    @staticmethod
    def _without_null(union: Iterable[Mapping[str, Any]], path: str) -> Mapping[str, Any]:
        kinds = [kind for kind in union if kind != {"type": "null"}]
        if len(kinds) != 1:
            raise SchemaError(f"{path}: a union; write optional fields and a rule that one of them is set")
        return kinds[0]

    @staticmethod
    def _with_nested_default(result: dict[str, Any], path: str) -> dict[str, Any]:
        """Replace an object's default by an empty one: the server fills its fields in from their defaults."""
        default = result.get("default")
        if isinstance(default, Mapping) and "properties" in result:
            if with_defaults(result, {}) != default:
                raise SchemaError(f"{path}: its default differs from the defaults of its fields")
            result["default"] = {}
        return result

"""Rules that the API server checks at apply, written once: the CEL of the CRD beside its Python twin.

The API server refuses what breaks a rule before anything happens; the twin holds objects to it that never
passed the API server: a file, a test, an object stored before the rule was there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

VALIDATIONS = "x-kubernetes-validations"
LIST_TYPE = "x-kubernetes-list-type"
LIST_MAP_KEYS = "x-kubernetes-list-map-keys"


class BrokenRulesError(ValueError):
    """A part breaks some of its rules; each says what to write instead."""

    def __init__(self, rules: Sequence["Rule"]) -> None:
        super().__init__("; ".join(rule.message for rule in rules))
        self.rules = tuple(rules)


@dataclass(frozen=True)
class Rule:
    """What must hold of a value, in CEL (`self` is the value) and in Python, and what to write otherwise.

    In a model's `rules` it concerns the whole model; in `Annotated[...]` one scalar.
    """

    cel: str
    holds: Callable[[Any], bool] | None
    """None for what the API server alone can tell: of an object's name, or of what it was before."""
    message: str
    field: str | None = None
    """The field that the error names, as a path below the value (`.threshold`); the value itself if none."""

    def to_dict(self) -> dict[str, str]:
        """The rule as an entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": self.message}
        return entry if self.field is None else entry | {"fieldPath": self.field}

    def check(self, value: Any) -> Any:
        """Hand the value through.

        Raises:
            BrokenRulesError: the rule does not hold; the message says what to write.
        """
        if self.holds is not None and not self.holds(value):
            raise BrokenRulesError([self])
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = handler(schema)
        return found | {VALIDATIONS: [*found.get(VALIDATIONS, ()), self.to_dict()]}


@dataclass(frozen=True)
class UniqueBy:
    """A list whose entries are told apart by one field: no two alike, and server-side apply merges by it."""

    key: str

    def check(self, entries: Sequence[Any]) -> Sequence[Any]:
        """Hand the list through.

        Raises:
            ValueError: two entries are alike in the key.
        """
        keys = [getattr(entry, self.key) for entry in entries]
        if len(set(keys)) != len(keys):
            raise ValueError(f"two entries have the same {self.key}: leave one out")
        return entries

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {LIST_TYPE: "map", LIST_MAP_KEYS: [self.key]}

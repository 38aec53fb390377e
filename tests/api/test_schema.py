"""From pydantic to structural schemas: what is translated, and what is refused when the CRD is made."""

from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field

from serin.api.base import Model, matching
from serin.api.rules import VALIDATIONS, Rule
from serin.api.schema import SchemaError, structural_schema, with_defaults
from serin.api.spec import ModelDeploymentSpec


class Inner(Model):
    """Within."""

    size: int = 3
    """How big."""


class Outer(Model):
    """Around."""

    kind: Literal["One"] = "One"
    share: Annotated[float, Field(gt=0, lt=1)]
    label: Annotated[str, Field(max_length=9)] | None = None
    inner: Inner = Inner()
    maybe: Inner | None = None
    many: Annotated[tuple[Inner, ...], Field(max_length=4)] = (Inner(size=5),)
    sizes: dict[str, int] | None = None


def properties(model: type[Model]) -> dict[str, Any]:
    """The schemas of a model's fields."""
    found: dict[str, Any] = structural_schema(model)["properties"]
    return found


def test_a_constant_becomes_an_enum_of_one() -> None:
    assert properties(Outer)["kind"] == {"type": "string", "default": "One", "enum": ["One"]}


def test_an_exclusive_bound_becomes_a_bound_and_a_flag() -> None:
    assert properties(Outer)["share"] == {
        "type": "number",
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 1,
        "exclusiveMaximum": True,
    }


def test_an_optional_field_is_one_that_may_be_left_out() -> None:
    assert properties(Outer)["label"] == {"type": "string", "maxLength": 9}
    assert "default" not in properties(Outer)["maybe"]
    assert structural_schema(Outer)["required"] == ["share"]


def test_a_model_within_is_inlined_and_its_default_is_left_to_its_fields() -> None:
    assert properties(Outer)["inner"] == {
        "type": "object",
        "description": "Within.",
        "default": {},
        "properties": {"size": {"type": "integer", "description": "How big.", "default": 3}},
    }


def test_a_list_keeps_its_default_as_it_is_written() -> None:
    assert properties(Outer)["many"]["default"] == [{"size": 5}]
    assert properties(Outer)["many"]["items"]["properties"]["size"]["type"] == "integer"


def test_a_map_keeps_the_schema_of_its_values() -> None:
    assert properties(Outer)["sizes"]["additionalProperties"] == {"type": "integer"}


def test_unknown_fields_are_left_to_the_api_server() -> None:
    assert "additionalProperties" not in structural_schema(Outer)


def test_a_rule_stands_where_it_holds() -> None:
    class Ruled(Model):
        name: Annotated[str, matching("^a.*$", "begin with an a"), matching("^.*z$", "end with a z")]

        rules: ClassVar = (Rule("self.name != 'az'", lambda part: part.name != "az", "not az"),)

    schema = structural_schema(Ruled)
    assert schema[VALIDATIONS] == [{"rule": "self.name != 'az'", "message": "not az"}]
    assert [rule["message"] for rule in schema["properties"]["name"][VALIDATIONS]] == [
        "begin with an a",
        "end with a z",
    ]
    assert Ruled(name="abz").name == "abz"
    for wrong, message in (("bz", "begin with an a"), ("ab", "end with a z"), ("az", "not az")):
        with pytest.raises(ValueError, match=message):
            Ruled(name=wrong)


class Endless(Model):
    """Contains itself."""

    again: "Endless | None" = None


class Union(Model):
    """One of two."""

    either: int | str


class Pair(Model):
    """A tuple of a fixed length."""

    pair: tuple[int, str]


class Anything(Model):
    """A field without a type."""

    anything: Any


class OddDefault(Model):
    """A default that differs from those of its fields."""

    inner: Inner = Inner(size=7)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Endless, "Endless contains itself"),
        (Union, "either: a union"),
        (Pair, "pair: prefixItems has no place"),
        (Anything, "anything: has no type"),
        (OddDefault, "inner: its default differs"),
    ],
)
def test_what_kubernetes_cannot_say_is_an_error_when_the_crd_is_made(model: type[Model], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        structural_schema(model)


def test_the_defaults_of_the_server_are_those_of_the_models() -> None:
    written = {
        "model": {"version": "1"},
        "template": {"spec": {"containers": [{"name": "server"}]}},
        "traffic": {"gatewayAPI": {"httpRoute": {"name": "fraud"}}},
        "strategy": {},
        "analysis": {"metrics": [{"name": "latency", "threshold": "1s"}]},
    }
    stored = with_defaults(structural_schema(ModelDeploymentSpec), written)
    assert ModelDeploymentSpec.model_validate(written).to_dict() == stored

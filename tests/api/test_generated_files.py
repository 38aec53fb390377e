"""What is made from the models and committed: it is what the models say today, and what Kubernetes takes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crds.files import ROOT, generated_files
from serin.api.crd import CUSTOM_RESOURCES, CustomResource

CLIENT_SIDE_APPLY_LIMIT = 262_144
FORBIDDEN = {
    "$ref",
    "$defs",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "const",
    "title",
    "prefixItems",
    "uniqueItems",
}
OPEN = "x-kubernetes-preserve-unknown-fields"


def schemas(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and every schema within it, with their paths."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from schemas(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from schemas(schema[key], f"{path}.{key}")


def all_schemas() -> list[tuple[str, dict[str, Any]]]:
    """Every schema of every CRD."""
    return [found for resource in CUSTOM_RESOURCES for found in schemas(resource.schema(), resource.kind)]


@pytest.mark.parametrize("path", generated_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_generated_file_is_what_the_models_say(path: Path) -> None:
    assert path.read_text() == generated_files()[path], "run `make crds`"


@pytest.mark.parametrize("resource", CUSTOM_RESOURCES, ids=lambda resource: resource.kind)
def test_a_crd_fits_into_the_annotation_of_client_side_apply(resource: CustomResource) -> None:
    assert len(json.dumps(resource.definition())) < CLIENT_SIDE_APPLY_LIMIT / 2


def test_no_schema_bears_a_key_that_structural_schemas_forbid() -> None:
    found = {f"{path}: {key}" for path, schema in all_schemas() for key in FORBIDDEN & schema.keys()}
    assert found == set()


def test_every_schema_has_a_type_and_bounds_are_numbers_with_flags() -> None:
    for path, schema in all_schemas():
        assert "type" in schema, path
        assert schema.get("exclusiveMinimum", True) is True, path
        assert schema.get("exclusiveMaximum", True) is True, path


def test_every_string_list_and_map_is_bounded_so_that_cel_has_a_cost() -> None:
    bound = {"string": "maxLength", "array": "maxItems"}
    for path, schema in all_schemas():
        if path.count(".") < 2 or ".metadata.name" in path or path.endswith(".containers") or "enum" in schema:
            continue
        key = bound.get(schema["type"])
        assert key is None or key in schema, f"{path} has no {key}"
        assert "additionalProperties" not in schema or "maxProperties" in schema, path


def test_only_the_template_is_open() -> None:
    opened = [path for path, schema in all_schemas() if OPEN in schema]
    assert all(path.startswith("ModelDeployment.spec.template") for path in opened)
    assert "ModelDeployment.spec.template" in opened


def test_the_keys_of_a_map_list_are_required() -> None:
    lists = [(path, schema) for path, schema in all_schemas() if schema.get("x-kubernetes-list-type") == "map"]
    assert [path.removeprefix("ModelDeployment.") for path, _ in lists] == [
        "spec.analysis.metrics",
        "status.revisions",
        "status.autoscaling",
        "status.analysis.metrics",
        "status.conditions",
    ]
    for path, schema in lists:
        assert set(schema["x-kubernetes-list-map-keys"]) <= set(schema["items"]["required"]), path


def test_every_rule_says_what_to_write() -> None:
    for path, schema in all_schemas():
        for rule in schema.get("x-kubernetes-validations", ()):
            assert len(rule["message"].split()) > 2, path

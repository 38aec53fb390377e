import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.api.children import SAFE_ALPHABET
from serin.workloads import Snapshot, revision_hash
from workloads.examples import CONFIG_MAPS, MANIFEST, changed, snapshot

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)
TEMPLATES = st.dictionaries(st.text(max_size=4), JSON, max_size=4)


def hash_of(manifest: dict[str, Any], config_maps: dict[str, str] | None = None) -> str:
    return revision_hash(snapshot(manifest, config_maps))


def with_template(template: dict[str, Any]) -> dict[str, Any]:
    return {**MANIFEST, "template": {"spec": {"containers": [{"name": "server"}], "more": template}}}


def shuffled(value: Any) -> Any:
    """The same with every object's keys the other way round."""
    if isinstance(value, dict):
        return {key: shuffled(member) for key, member in reversed(value.items())}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


def with_nulls(value: Any) -> Any:
    """The same with a member in every object that is null, which is the same as absent."""
    if isinstance(value, dict):
        return {**{key: with_nulls(member) for key, member in value.items()}, "not there": None}
    return [with_nulls(item) for item in value] if isinstance(value, list) else value


def with_floats(value: Any) -> Any:
    """The same with every number written with a decimal point."""
    if isinstance(value, dict):
        return {key: with_floats(member) for key, member in value.items()}
    if isinstance(value, list):
        return [with_floats(item) for item in value]
    return float(value) if type(value) is int else value


def test_no_upgrade_of_serin_changes_the_hash_of_a_revision() -> None:
    """If this fails, the change would roll out every model of every user anew: mend the change, not the test."""
    assert hash_of(MANIFEST) == "mjk97hgmlg"
    assert hash_of({"model": {"version": "1.0.0"}, "template": {"spec": {"containers": [{}]}}}, {}) == "n4ldr7nv27"


def test_a_hash_is_ten_characters_that_no_one_misreads() -> None:
    assert len(hash_of(MANIFEST)) == 10
    assert set(hash_of(MANIFEST)) <= set(SAFE_ALPHABET)


@given(TEMPLATES)
def test_spelling_makes_no_new_revision(template: dict[str, Any]) -> None:
    expected = snapshot(with_template(template))
    for spelled in (shuffled(template), with_nulls(template), with_floats(template)):
        same = snapshot(with_template(spelled))
        assert same == expected
        assert revision_hash(same) == revision_hash(expected)


@given(TEMPLATES, TEMPLATES)
def test_another_template_is_another_revision(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = snapshot(with_template(one)), snapshot(with_template(other))
    assert (first == second) == (revision_hash(first) == revision_hash(second))
    if without_nulls(one) != without_nulls(other):
        assert first != second


def without_nulls(value: Any) -> Any:
    """JSON text, so that 1 and True differ as they do in JSON, and null members are absent."""

    def pruned(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: pruned(member) for key, member in part.items() if member is not None}
        return [pruned(item) for item in part] if isinstance(part, list) else part

    return json.dumps(pruned(value), sort_keys=True)


@pytest.mark.parametrize(
    "same",
    [
        changed("model.lineage.codeCommit", "def"),
        changed("model.lineage", None),
        changed("model.name", "fraud"),
        changed("replicas", 9),
        changed("service.port", 8000),
        changed("paused", True),
        changed("progressDeadline", "1h"),
        changed("traffic", {"gatewayAPI": {"parentRefs": [{"name": "edge"}]}}),
    ],
)
def test_what_a_models_behavior_does_not_depend_on_makes_no_new_revision(same: dict[str, Any]) -> None:
    assert hash_of(same) == hash_of(MANIFEST)


@pytest.mark.parametrize(
    "other",
    [
        changed("model.version", "2.1.1"),
        changed("model.uri", "s3://models/fraud/8"),
        changed("model.uri", None),
        changed("model.digest", "sha256:" + "0" * 64),
        changed("model.name", "fraud-detector"),
        changed("service.targetPort", 8081),
        changed("template.metadata.labels.team", "fraud"),
        changed("template.metadata.annotations", None),
        changed("template.spec.containers.0.image", "server:2"),
        changed("template.spec.containers.0.args", ["$(SERIN_MODEL_URI)", "--model"]),
        changed("template.spec.containers.0.resources.limits.cpu", 1.25),
        changed("template.spec.priority", 1),
    ],
)
def test_what_a_models_behavior_depends_on_makes_a_new_revision(other: dict[str, Any]) -> None:
    assert hash_of(other) != hash_of(MANIFEST)
    assert snapshot(other) != snapshot()


@pytest.mark.parametrize(
    "config_maps",
    [
        {},
        {**CONFIG_MAPS, "settings": "d3"},
        {**CONFIG_MAPS, "extra": "d4"},
        {"settings": "d2", "thresholds": "d1"},
    ],
)
def test_other_content_of_a_config_map_makes_a_new_revision(config_maps: dict[str, str]) -> None:
    assert hash_of(MANIFEST, config_maps) != hash_of(MANIFEST)


def test_a_collision_gives_another_name_to_the_same_content() -> None:
    names = {revision_hash(snapshot(), count) for count in range(5)}
    assert len(names) == 5
    assert revision_hash(snapshot(), 0) == revision_hash(snapshot())


def test_two_model_deployments_share_no_revision() -> None:
    named = changed("model.name", "one model")
    other = Snapshot.from_dict({**snapshot(named).to_dict(), "modelDeployment": "other"})
    assert revision_hash(other) != hash_of(named)


def test_a_snapshot_reads_back_from_json() -> None:
    read = Snapshot.from_dict(json.loads(json.dumps(snapshot().to_dict())))
    assert read == snapshot()
    assert read.to_dict() == snapshot().to_dict()
    assert hash(read) == hash(snapshot())
    assert read.model.lineage is not None


def test_a_snapshot_of_another_scheme_with_the_same_content_is_the_same_revision() -> None:
    older = Snapshot.from_dict({**snapshot().to_dict(), "scheme": 0})
    assert older == snapshot()
    assert revision_hash(older) != revision_hash(snapshot())


@pytest.mark.parametrize("part", ["model", "template", "targetPort", "configMaps", "scheme", "modelDeployment"])
def test_what_is_no_snapshot_is_told(part: str) -> None:
    broken = copy.deepcopy(snapshot().to_dict())
    del broken[part]
    with pytest.raises(ValueError, match=f"'{part}' is missing"):
        Snapshot.from_dict(broken)

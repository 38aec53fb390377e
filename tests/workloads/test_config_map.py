from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.workloads import (
    ConfigMapReference,
    config_map_digest,
    config_map_references,
    frozen_config_map,
    frozen_name,
)
from serin.workloads.config_map import with_frozen_config_maps
from workloads.examples import MANIFEST, OWNER, REVISION, snapshot


def container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "server", **fields}]}}


KEY = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}


@pytest.mark.parametrize(
    "template",
    [
        {"spec": {"volumes": [{"name": "v", "configMap": {"name": "c"}}]}},
        {"spec": {"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}]}}]}},
        container(env=[KEY]),
        container(envFrom=[{"configMapRef": {"name": "c"}}]),
        {"spec": {"initContainers": [{"name": "i", "env": [KEY]}]}},
        {"spec": {"ephemeralContainers": [{"name": "e", "env": [KEY]}]}},
    ],
)
def test_a_config_map_is_found_wherever_a_template_reads_it(template: dict[str, Any]) -> None:
    assert config_map_references(template) == (ConfigMapReference("c", optional=False),)
    frozen = with_frozen_config_maps(template, REVISION)
    assert config_map_references(frozen) == (ConfigMapReference(f"c-{REVISION}", optional=False),)


def test_references_are_sorted_and_optional_only_if_they_are_so_each_time() -> None:
    assert config_map_references(MANIFEST["template"]) == (
        ConfigMapReference("extra", optional=True),
        ConfigMapReference("settings", optional=False),
        ConfigMapReference("thresholds", optional=False),
    )


def test_the_clusters_own_certificates_are_not_frozen() -> None:
    frozen = with_frozen_config_maps(MANIFEST["template"], REVISION)
    names = [source.get("configMap", {}).get("name") for source in frozen["spec"]["volumes"][1]["projected"]["sources"]]
    assert names == [f"extra-{REVISION}", "kube-root-ca.crt", None]


def test_freezing_leaves_the_users_template_as_it_is() -> None:
    before = repr(MANIFEST)
    with_frozen_config_maps(MANIFEST["template"], REVISION)
    assert repr(MANIFEST) == before


SHAPELESS = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "spec",
                    "volumes",
                    "configMap",
                    "name",
                    "env",
                    "envFrom",
                    "containers",
                    "valueFrom",
                    "projected",
                    "sources",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["spec", "metadata"]), SHAPELESS))
def test_a_template_without_the_shape_of_one_stops_nothing(template: dict[str, Any]) -> None:
    config_map_references(template)
    with_frozen_config_maps(template, REVISION)


def test_a_digest_is_of_the_content_alone() -> None:
    assert config_map_digest({"a": "1", "b": "2"}) == config_map_digest({"b": "2", "a": "1"}, {})
    assert config_map_digest(None) == config_map_digest({})
    digests = {
        config_map_digest({"a": "1"}),
        config_map_digest({"a": "2"}),
        config_map_digest({"b": "1"}),
        config_map_digest(None, {"a": "1"}),
    }
    assert len(digests) == 4


def test_a_frozen_copy_is_immutable_and_owned() -> None:
    data = {"limit": "0.5"}
    original = {"metadata": {"name": "settings", "labels": {"x": "y"}}, "data": data, "binaryData": {"m": "AA=="}}
    digest = config_map_digest(data, {"m": "AA=="})
    copy = frozen_config_map(OWNER, REVISION, snapshot(config_maps={"settings": digest}), original)
    assert copy["metadata"]["name"] == f"settings-{REVISION}"
    assert copy["metadata"]["ownerReferences"] == [OWNER.reference()]
    assert copy["metadata"]["labels"]["serin.dev/revision"] == REVISION
    assert "x" not in copy["metadata"]["labels"]
    assert (copy["immutable"], copy["data"], copy["binaryData"]) == (True, data, {"m": "AA=="})


def test_a_config_map_that_changed_meanwhile_is_not_frozen() -> None:
    original = {"metadata": {"name": "settings"}, "data": {"limit": "0.6"}}
    with pytest.raises(ValueError, match="ml/settings changed after revision bcdfghjklm of fraud"):
        frozen_config_map(OWNER, REVISION, snapshot(), original)


def test_long_names_are_cut_and_stay_apart() -> None:
    one, other = frozen_name("c" * 250 + "one", REVISION), frozen_name("c" * 250 + "two", REVISION)
    assert one != other
    assert len(one) == len(other) == 253
    assert one.endswith(f"-{REVISION}")
    assert ".-" not in frozen_name("c" * 230 + "." * 20, REVISION)

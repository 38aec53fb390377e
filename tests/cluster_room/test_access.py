"""What the operator asks of the API server it may ask: the role says so, for every kind and every metrics API."""

from collections.abc import Iterator

import pytest
import yaml

from crds.files import ROOT
from serin.cluster.measurements import CUSTOM_METRICS, EXTERNAL_METRICS, RESOURCE_METRICS, UNDERSTOOD
from serin.cluster.resources import LEASE, RESOURCES, Resource

RULES = yaml.safe_load((ROOT / "manifests" / "10-cluster-role.yaml").read_text())["rules"]
VERBS = {RESOURCE_METRICS: "list", CUSTOM_METRICS: "get", EXTERNAL_METRICS: "list"}
"""As the paths of the requests are understood: one with a name is a get, one without is a list."""
WATCHED = [resource for resource in RESOURCES if resource is not LEASE and resource.plural != "events"]


def verbs(group: str, resource: str) -> Iterator[str]:
    """What may be done with a resource, in every namespace."""
    for rule in RULES:
        if group in rule["apiGroups"] and {resource, "*"} & set(rule["resources"]):
            yield from rule["verbs"]


@pytest.mark.parametrize("resource", WATCHED, ids=lambda resource: resource.plural)
def test_what_is_watched_may_be_watched(resource: Resource) -> None:
    assert {"list", "watch"} <= set(verbs(resource.group, resource.plural))


def test_the_metrics_apis_may_be_asked_and_no_more() -> None:
    assert VERBS.keys() == UNDERSTOOD.keys()
    for group, verb in VERBS.items():
        assert list(verbs(group, "pods")) == [verb]


def test_no_rule_is_about_everything() -> None:
    wide = {group for rule in RULES if "*" in rule["resources"] + rule["verbs"] for group in rule["apiGroups"]}
    assert wide == {CUSTOM_METRICS, EXTERNAL_METRICS}

"""The cache knows whose child an object is, also when that changes."""

from datetime import UTC, datetime
from typing import Any

from serin.cluster.resources import DEPLOYMENT, HTTP_ROUTE, ObjectKey
from serin.controller.store import Store, slim_deployment

FRAUD, OTHER = ObjectKey("ml", "fraud"), ObjectKey("ml", "other")
ROUTE, CHILD = ObjectKey("ml", "front"), ObjectKey("ml", "fraud-7s9cthjrc2")


def store(woken: list[ObjectKey]) -> Store:
    return Store(woken.append, lambda: datetime(2026, 1, 1, tzinfo=UTC))


def route(version: int, backend: str) -> dict[str, Any]:
    metadata = {"namespace": "ml", "name": "front", "resourceVersion": str(version)}
    spec = {"rules": [{"backendRefs": [{"name": backend}]}]}
    return {"apiVersion": HTTP_ROUTE.api_version, "kind": HTTP_ROUTE.kind, "metadata": metadata, "spec": spec}


def labeled(version: int, model: str) -> dict[str, Any]:
    labels = {"serin.dev/model": model}
    return {"metadata": {"namespace": "ml", "name": CHILD.name, "resourceVersion": str(version), "labels": labels}}


def test_a_route_that_was_given_back_and_deleted_later_is_no_child_any_more() -> None:
    woken: list[ObjectKey] = []
    cache = store(woken)
    changed = cache.child_changed(HTTP_ROUTE)
    changed(ROUTE, route(1, "fraud-7s9cthjrc2"))
    assert [it["metadata"]["name"] for it in cache.children(FRAUD, HTTP_ROUTE)] == ["front"]
    changed(ROUTE, route(2, "legacy"))
    assert list(cache.children(FRAUD, HTTP_ROUTE)) == []
    changed(ROUTE, None)
    assert list(cache.children(FRAUD, HTTP_ROUTE)) == []
    assert woken == [FRAUD, FRAUD], "who has it, and who had it, are told; a stranger is not"


def test_an_object_whose_label_changes_goes_over_to_the_other_model() -> None:
    woken: list[ObjectKey] = []
    cache = store(woken)
    changed = cache.child_changed(DEPLOYMENT)
    changed(CHILD, labeled(1, "fraud"))
    changed(CHILD, labeled(2, "other"))
    changed(CHILD, labeled(1, "fraud"))
    assert list(cache.children(FRAUD, DEPLOYMENT)) == []
    assert [it["metadata"]["resourceVersion"] for it in cache.children(OTHER, DEPLOYMENT)] == ["2"]
    assert set(woken) == {FRAUD, OTHER}
    changed(CHILD, None)
    assert list(cache.children(OTHER, DEPLOYMENT)) == []


def deployment(version: int, *, ready: int, words: str = "", failure: str = "False") -> dict[str, Any]:
    item = labeled(version, "fraud")
    conditions = [
        {"type": "Available", "status": "True", "message": words},
        {"type": "ReplicaFailure", "status": failure, "message": "quota"},
    ]
    counts = {"observedGeneration": 1, "availableReplicas": ready, "updatedReplicas": version}
    writers = [{"manager": "kube-controller-manager", "subresource": "status", "time": str(version), "fieldsV1": {}}]
    item["metadata"] |= {"generation": 1, "managedFields": writers}
    item |= {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 2, "template": {"big": 1}}}
    return slim_deployment({**item, "status": {**counts, "conditions": conditions}})


def test_a_change_of_what_no_plan_reads_wakes_nobody() -> None:
    woken: list[ObjectKey] = []
    cache = store(woken)
    changed = cache.child_changed(DEPLOYMENT)
    changed(CHILD, deployment(1, ready=0))
    assert len(woken) == 1
    changed(CHILD, deployment(2, ready=0, words="other words"))
    assert len(woken) == 1, "another updatedReplicas, other words, another time"
    [kept] = cache.children(FRAUD, DEPLOYMENT)
    assert kept["metadata"]["resourceVersion"] == "2", "it is the newest all the same"
    changed(CHILD, deployment(3, ready=1))
    changed(CHILD, deployment(4, ready=1, failure="True"))
    assert len(woken) == 3, "a pod that is ready, and a quota that is full, are news"
    changed(CHILD, None)
    assert len(woken) == 4


def test_a_part_that_did_not_change_stays_the_same_object() -> None:
    cache = store([])
    changed = cache.child_changed(HTTP_ROUTE)
    changed(ROUTE, {**route(1, "legacy"), "status": {"parents": []}})
    first = cache.get(HTTP_ROUTE, ROUTE)
    changed(ROUTE, {**route(2, "legacy"), "status": {"parents": [1]}})
    second = cache.get(HTTP_ROUTE, ROUTE)
    assert first is not None
    assert second is not None
    assert second["spec"] is first["spec"]
    assert (first["status"], second["status"]) == ({"parents": []}, {"parents": [1]})

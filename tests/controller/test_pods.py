"""Pods are watched while replicas follow metrics, and known by their revision."""

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from fakes.apiserver import FakeApiServer
from fakes.waiting import until
from serin.cluster.client import KubeClient
from serin.cluster.metrics import ClientMetrics
from serin.cluster.reflector import OnChange, Reflector
from serin.cluster.resources import POD, ObjectKey
from serin.controller.pods import PodBook, PodWatch
from serin.scaling.reading import slim_pod

FRAUD = ObjectKey("ml", "fraud")


def pod(name: str, revision: str = "5c9d7f4b6d", model: str = "fraud", **spec: Any) -> dict[str, Any]:
    """A pod of a revision."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "ml",
            "labels": {"serin.dev/model": model, "serin.dev/revision": revision},
        },
        "spec": {"containers": [{"name": "model", **spec}]},
        "status": {"phase": "Running"},
    }


def names(book: PodBook, revision: str = "5c9d7f4b6d") -> list[str]:
    """The pods of a revision."""
    return sorted(each.name for each in book.of(FRAUD, revision))


def test_a_pod_is_filed_by_model_and_revision_until_it_is_gone() -> None:
    book = PodBook()
    for name, revision in (("a", "5c9d7f4b6d"), ("b", "5c9d7f4b6d"), ("c", "8f21c0a97e")):
        book.changed(ObjectKey("ml", name), pod(name, revision))
    assert (names(book), names(book, "8f21c0a97e")) == (["a", "b"], ["c"])
    book.changed(ObjectKey("ml", "a"), pod("a", "8f21c0a97e"))
    assert (names(book), names(book, "8f21c0a97e")) == (["b"], ["a", "c"])
    book.changed(ObjectKey("ml", "b"), None)
    book.changed(ObjectKey("ml", "b"), None)
    assert names(book) == []
    assert book.of(ObjectKey("other", "fraud"), "8f21c0a97e") == ()


def test_a_pod_that_cannot_be_read_does_not_count_and_hurts_no_other(caplog: pytest.LogCaptureFixture) -> None:
    book = PodBook()
    for name in ("a", "b"):
        book.changed(ObjectKey("ml", name), pod(name))
    book.changed(ObjectKey("ml", "a"), pod("a", resources={"requests": {"cpu": "much"}}))
    assert names(book) == ["b"]
    assert "'much' is not a quantity" in caplog.text
    book.changed(ObjectKey("ml", "a"), pod("a"))
    assert names(book) == ["a", "b"]


def test_pods_are_watched_only_while_they_are_needed() -> None:
    async def story() -> None:
        async with FakeApiServer() as server:
            kind = server.store.kind("pods")
            server.store.create(kind, pod("a"), manager="kubelet")
            async with KubeClient(server.configuration(), ClientMetrics(CollectorRegistry())) as client:

                def reflector(on_change: OnChange) -> Reflector:
                    return Reflector(client, POD, on_change=on_change, selector="serin.dev/model", transform=slim_pod)

                watch = PodWatch(reflector)
                task = asyncio.create_task(watch.run())
                await asyncio.sleep(0.05)
                assert not server.log
                watch.need(needed=True)
                await watch.synced()
                assert names(watch.book) == ["a"]
                assert watch.pulses["pods"].alive
                server.store.create(kind, pod("b"), manager="kubelet")
                await until(lambda: names(watch.book) == ["a", "b"])
                watch.need(needed=False)
                await until(lambda: not watch.pulses)
                assert names(watch.book) == []
                watch.need(needed=True)
                await watch.synced()
                assert names(watch.book) == ["a", "b"]
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())

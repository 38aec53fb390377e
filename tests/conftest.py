"""What all tests share: Hypothesis' profile, and one real cluster for all that are marked `cluster`."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from localcluster import LocalCluster

ROOT = Path(__file__).resolve().parents[1]

# A busy machine makes an example slow, not wrong.
settings.register_profile("serin", deadline=None)
settings.load_profile("serin")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin no long test after SERIN_NO_LONG_TEST_AFTER, in seconds since 1970: `.ci/run` has a time to keep."""
    latest = os.environ.get("SERIN_NO_LONG_TEST_AFTER")
    if latest and item.get_closest_marker("long") and time.time() > float(latest):
        pytest.skip("no time is left for it in this run")


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """The local cluster, started once. Where the machine cannot, its tests are skipped; where it breaks, they fail."""
    from localcluster import LocalCluster, UnsupportedError, machine
    from scenarios.hpa_audit import AUDIT

    try:
        machine.check()
    except UnsupportedError as error:
        pytest.skip(str(error))
    with LocalCluster("tests", audit=AUDIT) as running:
        yield running


@pytest.fixture(autouse=True)
def _cluster_stays_whole(request: pytest.FixtureRequest) -> Iterator[None]:
    """A component of the cluster that dies by itself fails the test during which it did."""
    yield
    if "cluster" in request.fixturenames:
        request.getfixturevalue("cluster").assert_whole()


@pytest.fixture
def namespace(cluster: LocalCluster) -> Iterator[str]:
    """A Kubernetes namespace of the test's own. Its deletion begins afterwards; nobody waits for it."""
    name = f"test-{secrets.token_hex(3)}"
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    cluster.api.wait_for("a service account", account, lambda it: bool(it["metadata"]["uid"]), timeout=20)
    yield name
    cluster.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def no_namespace_goes(cluster: LocalCluster) -> None:
    """Wait until every namespace of the tests before is gone, for a test that restarts the API server.

    One that starts does not know the CRDs yet: a namespace that goes then leaves its ModelDeployments behind for ever.
    """
    cluster.api.wait_for(
        "the end of the namespaces that go",
        "/api/v1/namespaces",
        lambda it: all(each["status"]["phase"] == "Active" for each in it["items"]),
        timeout=120,
    )


@pytest.fixture
def kubectl(cluster: LocalCluster) -> Callable[..., str]:
    """`kubectl("get", "pods", input=…, check=…) -> stdout`, as the administrator."""
    return cluster.kubectl


@pytest.fixture(scope="session")
def installed(cluster: LocalCluster) -> Callable[..., str]:
    """`kubectl` of a cluster in which the CRDs are established, and the user roles and the policy are there."""
    crds = str(ROOT / "crds")
    cluster.kubectl("apply", "-f", crds)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", crds)
    for name in ("20-user-roles.yaml", "30-admission-policy.yaml"):
        cluster.kubectl("apply", "-f", str(ROOT / "manifests" / name))
    return cluster.kubectl

"""What the tests of the resources share: a cluster that has the CRDs and the policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from crds.files import ROOT

if TYPE_CHECKING:
    from localcluster import LocalCluster


@pytest.fixture(scope="session")
def installed(cluster: LocalCluster) -> Callable[..., str]:
    """`kubectl` of a cluster in which the CRDs are established and the policy is there."""
    crds = str(ROOT / "crds")
    cluster.kubectl("apply", "-f", crds)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", crds)
    for name in ("20-user-roles.yaml", "30-admission-policy.yaml"):
        cluster.kubectl("apply", "-f", str(ROOT / "manifests" / name))
    return cluster.kubectl

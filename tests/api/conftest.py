"""What the tests of the resources share: manifests, and a cluster that has the CRDs and the policy."""

from collections.abc import Callable

import pytest

from crds.files import ROOT


@pytest.fixture(scope="session")
def installed(kubectl: Callable[..., str]) -> Callable[..., str]:
    """`kubectl` of a cluster in which the CRDs are established and the policy is there."""
    kubectl("apply", "-f", str(ROOT / "crds"))
    kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(ROOT / "crds"))
    for name in ("20-user-roles.yaml", "30-admission-policy.yaml"):
        kubectl("apply", "-f", str(ROOT / "manifests" / name))
    return kubectl

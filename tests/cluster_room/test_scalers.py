"""Who has the replicas, as a real API server notes it (1.37; tried by hand, each line)."""

from typing import Any

import pytest

from serin.cluster.primary import slim_primary
from serin.cluster.scalers import is_autoscaled

HAS: dict[str, Any] = {"f:spec": {"f:replicas": {}, "f:model": {}}}
HAS_NOT: dict[str, Any] = {"f:spec": {"f:model": {}}}
BY_SCALE = {"subresource": "scale", "fieldsV1": HAS}


@pytest.mark.parametrize(
    ("replicas", "writers", "autoscaled"),
    [
        (3, [{"manager": "user", "fieldsV1": HAS}], False),
        (3, [{"manager": "user", "fieldsV1": HAS_NOT}, {"manager": "kube-controller-manager", **BY_SCALE}], True),
        (3, [{"manager": "user", "fieldsV1": HAS_NOT}, {"manager": "kubectl", **BY_SCALE}], False),
        (3, [{"manager": "kube-controller-manager", **BY_SCALE}, {"manager": "person", "fieldsV1": HAS}], True),
        (3, [{"manager": "user", "fieldsV1": HAS_NOT}], True),
        (1, [{"manager": "user", "fieldsV1": HAS_NOT}], None),
        (3, None, False),
    ],
    ids=[
        "written in the manifest",
        "by /scale where somebody had them before",
        "by kubectl scale where somebody had them before",
        "by both, to the same number",
        "by /scale where nobody had them before",
        "the default",
        "of which nothing is known",
    ],
)
def test_an_autoscaler_is_who_wrote_the_replicas_by_scale(
    replicas: int, writers: list[dict[str, Any]] | None, *, autoscaled: bool | None
) -> None:
    manifest: dict[str, Any] = {"metadata": {}, "spec": {"replicas": replicas}}
    if writers is not None:
        manifest["metadata"]["managedFields"] = writers
    assert is_autoscaled(manifest) is autoscaled
    slimmed = slim_primary(manifest)
    assert is_autoscaled(slimmed) is autoscaled
    assert "f:model" not in str(slimmed)

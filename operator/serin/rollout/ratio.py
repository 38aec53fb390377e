"""The replica ratio: behind one Service over the pods of two versions, each gets as much as it has pods.

Stable keeps the pods that carry the whole traffic, so that the way back is one write of the Service's selector, to a
version that needs nothing else. The candidate's pods come on top.
"""

from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus


def shares_by_replicas(spec: ModelDeploymentSpec) -> bool:
    """Whether weights are made by numbers of pods."""
    return spec.traffic is not None and spec.traffic.replicas is not None


def is_split(status: ModelDeploymentStatus) -> bool:
    """Whether two versions share the traffic."""
    return any(entry.weight and entry.weight < 100 for entry in status.revisions)


def pods_for_ratio(whole: int, weight: int) -> int:
    """The fewest pods that have this share, in percent, beside `whole` pods of stable; at 100 they carry it alone.

    c of c + S pods get c / (c + S) of the requests, so c = S w / (100 - w), rounded up: never less than the weight.
    """
    return whole if weight == 100 else -(-whole * weight // (100 - weight))

"""A revision's hash: over the user's own input and a scheme version, never over what Serin renders."""

from serin.workloads.canonical import safe_hash
from serin.workloads.snapshot import Snapshot


def revision_hash(snapshot: Snapshot, collision_count: int = 0) -> str:
    """The revision's name: ten characters of Kubernetes' safe alphabet.

    collision_count: how often a name of this ModelDeployment was taken, as its status counts it.
    """
    return safe_hash([snapshot.scheme, collision_count, snapshot.identity])

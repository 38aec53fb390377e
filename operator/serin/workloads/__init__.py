"""Pure: what a revision is, and the objects that run it, as plain dicts for server-side apply."""

from serin.api.children import Owner, revision_name
from serin.workloads.config_map import (
    ConfigMapReference,
    config_map_digest,
    config_map_references,
    frozen_config_map,
    frozen_name,
)
from serin.workloads.controller_revision import (
    controller_revision,
    rejected_of,
    revision_of,
    snapshot_of,
)
from serin.workloads.deployment import deployment
from serin.workloads.pods import deployment_problem, pod_problem
from serin.workloads.revision import revision_hash
from serin.workloads.service import revision_service
from serin.workloads.snapshot import Snapshot, take_snapshot

__all__ = [
    "ConfigMapReference",
    "Owner",
    "Snapshot",
    "config_map_digest",
    "config_map_references",
    "controller_revision",
    "deployment",
    "deployment_problem",
    "frozen_config_map",
    "frozen_name",
    "pod_problem",
    "rejected_of",
    "revision_hash",
    "revision_name",
    "revision_of",
    "revision_service",
    "snapshot_of",
    "take_snapshot",
]

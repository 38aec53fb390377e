"""Our autoscaler beside that of a real cluster, on real pods under real load (longer: `benchmarks/scaling_live.py`)."""

import pytest
import requests

from localcluster import LocalCluster
from scenarios.hpa_live import live

pytestmark = [pytest.mark.cluster, pytest.mark.scenario, pytest.mark.explore, pytest.mark.timeout(420)]


def test_it_says_at_each_pass_what_the_autoscaler_of_the_cluster_does(
    cluster: LocalCluster, session: tuple[requests.Session, str], namespace: str
) -> None:
    if not cluster.enforces_limits:
        pytest.skip("the kubelet measures pods only where control groups of version 1 are mounted, as root")
    lived = live(cluster, session, namespace, minutes=3)
    comparison = lived.comparison
    assert not comparison.differences, "\n".join(comparison.differences)
    assert comparison.equal >= 10
    assert comparison.doubtful <= 2
    assert len(comparison.changes) >= 3
    assert min(comparison.changes) < max(comparison.changes)
    assert lived.lost == 0

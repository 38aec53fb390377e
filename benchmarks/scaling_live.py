"""Serin's autoscaler beside that of a real cluster: real pods under changing load, and the same replicas each time?

Both are told what metrics-server answered to Kubernetes' own, word for word, as its audit log noted it.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from localcluster import LocalCluster
from scenarios.api import session_of
from scenarios.hpa_audit import AUDIT
from scenarios.hpa_live import live

NAMESPACE = "live"


def main() -> int:
    """Live, compare and print; 1 if there was any difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=3)
    minutes = parser.parse_args().minutes
    with LocalCluster("scaling-live", audit=AUDIT) as cluster, session_of(cluster.kubeconfig) as session:
        cluster.api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        lived = live(cluster, session, NAMESPACE, minutes)
    comparison = lived.comparison
    for difference in comparison.differences:
        print(difference)
    print("| minutes | passes | equal | of them only a moment earlier or later | replicas that were set |")
    print("|---|---|---|---|---|")
    changes = ", ".join(map(str, comparison.changes))
    passes = comparison.equal + len(comparison.differences)
    print(f"| {minutes:g} | {passes} | {comparison.equal} | {comparison.doubtful} | {changes} |")
    print(f"\nReasons that were given: {', '.join(sorted(comparison.words))}.")
    print(f"Of {lived.requests} requests {lived.lost} were lost.")
    return bool(comparison.differences)


if __name__ == "__main__":
    sys.exit(main())

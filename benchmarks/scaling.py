"""A rollout at full load through a real proxy: by Serin, and beside one HPA as others do it.

Writes what it measured to a file (`--told`), from which `--draw` makes docs/images/scaling.svg, and prints a table.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import scaling_plot
from localcluster import LocalCluster
from scaling_worlds import RIGHT, Told, World, by_one_autoscaler, by_serin, calibrated
from scenarios.api import session_of
from scenarios.conftest import OperatorProcess
from scenarios.images import MODEL_SERVER

ROOT = Path(__file__).resolve().parents[1]
IMAGE = ROOT / "docs" / "images" / "scaling.svg"
TITLES = {
    "serin": "Serin",
    "both": "one HPA over both versions",
    "stable": "one HPA on the old version",
}


def main() -> None:
    """Measure or draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--told", type=Path, default=Path(tempfile.gettempdir()) / "serin-scaling.json")
    parser.add_argument("--only", choices=TITLES, action="append", help="measure these anew, and keep the others")
    parser.add_argument("--draw", action="store_true", help="measure nothing: draw what was measured before")
    options = parser.parse_args()
    before = json.loads(options.told.read_text()) if options.told.exists() else {}
    told = {name: Told(**it) for name, it in before.items()}
    if not options.draw:
        for name in options.only or TITLES:
            told[name] = measure(name)
            options.told.write_text(json.dumps({other: asdict(it) for other, it in told.items()}))
    IMAGE.write_text(scaling_plot.svg({title: told[name] for name, title in TITLES.items()}))
    print(scaling_plot.table({title: told[name] for name, title in TITLES.items()}))


def measure(name: str) -> Told:
    """One rollout in a cluster of its own."""
    with LocalCluster("scaling") as cluster, session_of(cluster.kubeconfig) as connection:
        cluster.load_image(MODEL_SERVER)
        cluster.start_metrics_server()
        for namespace in ("calibration", name):
            cluster.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        target = calibrated(World(cluster, connection, "calibration"))
        print(f"{name}: {RIGHT} pods are right at {target}m of a processor each", flush=True)
        world = World(cluster, connection, name, target)
        if name != "serin":
            return by_one_autoscaler(world, over_both=name == "both")
        with tempfile.TemporaryDirectory() as folder:
            cluster.kubectl("apply", "-f", str(ROOT / "crds"))
            cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(ROOT / "crds"))
            operator = OperatorProcess(cluster, cluster.prometheus_url, Path(folder))
            operator.start()
            try:
                return by_serin(world)
            finally:
                operator.stop()


if __name__ == "__main__":
    main()

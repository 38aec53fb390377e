"""A rollout at full load through a real proxy: by Serin, and beside one HPA as others do it.

Writes what it measured to a file (`--told`), from which `--draw` makes docs/images/scaling.svg, and prints a table.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import scaling_plot
from localcluster import LocalCluster
from scaling_worlds import RIGHT, Told, World, by_one_autoscaler, by_serin, calibrated
from scenarios.api import eventually, session_of
from scenarios.conftest import OperatorProcess
from scenarios.images import MODEL_SERVER
from scenarios.stage import NAME

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
        for name, one in measured(options.only or list(TITLES)):
            told[name] = one
            options.told.write_text(json.dumps({other: asdict(it) for other, it in told.items()}))
    shown = {title: told[name] for name, title in TITLES.items() if name in told}
    IMAGE.write_text(scaling_plot.svg(shown))
    print(scaling_plot.table(shown))


def measured(names: Sequence[str]) -> Iterator[tuple[str, Told]]:
    """One rollout after the other in the same cluster, each in a namespace that is gone before the next one."""
    with LocalCluster("scaling") as cluster, session_of(cluster.kubeconfig) as connection:
        cluster.load_image(MODEL_SERVER)
        cluster.start_metrics_server()
        with namespace(cluster, "calibration"):
            target = calibrated(World(cluster, connection, "calibration"))
        print(f"{RIGHT} pods are right at {target}m of a processor each", flush=True)
        for name in names:
            world = World(cluster, connection, name, target)
            with namespace(cluster, name):
                yield (
                    name,
                    by_serin_itself(world) if name == "serin" else by_one_autoscaler(world, over_both=name == "both"),
                )


@contextmanager
def namespace(cluster: LocalCluster, name: str) -> Iterator[None]:
    """A namespace that is there while the context lasts."""
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield
    cluster.kubectl("delete", "namespace", name, "--timeout=100s", timeout=110)


def by_serin_itself(world: World) -> Told:
    """Serin as a user installs it, but for its being a process of this machine."""
    crds = str(ROOT / "crds")
    world.cluster.kubectl("apply", "-f", crds)
    world.cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", crds)
    with tempfile.TemporaryDirectory() as folder:
        operator = OperatorProcess(world.cluster, world.cluster.prometheus_url, Path(folder))
        operator.start()
        try:
            told = by_serin(world)
            api = world.stage.api
            api.delete("ModelDeployment", NAME)
            eventually(lambda: api.get("ModelDeployment", NAME) is None, what="a model that is gone")
            return told
        finally:
            operator.stop()


if __name__ == "__main__":
    main()

"""The story's platform on the local cluster: no Docker, no registry, nothing left behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.platforms import DEMO_IMAGE, REPOSITORY, StoryError
from localcluster import Image, KubectlError, LocalCluster, LocalClusterError, Tree
from localcluster.images import operator_image

KUBECTL_SECONDS = 180.0
"""Longer than any wait that kubectl is told to keep."""
SERVER = REPOSITORY / "examples" / "demo" / "server"


class LocalPlatform:
    """A running LocalCluster."""

    def __init__(self, cluster: LocalCluster, provider: str) -> None:
        """Wrap a cluster that is up, with the proxy of the provider in it."""
        self._cluster = cluster
        self.kubeconfig: Path = cluster.kubeconfig
        self.gateway_url: str = cluster.gateway_url
        self.model_url: str = cluster.istio_gateway_url if provider == "istio" else cluster.gateway_url

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl against the cluster."""
        try:
            return self._cluster.kubectl(*arguments, input=given, timeout=KUBECTL_SECONDS)
        except KubectlError as error:
            raise StoryError(f"kubectl {' '.join(arguments)}: {error}") from error

    def load_operator(self) -> None:
        """Build the operator's image from files and import it."""
        self._cluster.load_image(operator_image())

    def load_demo(self, models: Path) -> None:
        """Build the demo's image from files and import it."""
        self._cluster.load_image(demo_image(models))

    def stop_prometheus(self) -> None:
        """Stop the process; its data directory stays."""
        self._cluster.prometheus.stop()

    def start_prometheus(self) -> None:
        """Start it again on the same data and port."""
        self._cluster.prometheus.start()


def demo_image(models: Path) -> Image:
    """Describe the image of model server and joiner."""
    return Image(
        name=DEMO_IMAGE,
        entrypoint=("/usr/bin/python3", "-m", "digits"),
        distributions=("aiohttp", "prometheus-client", "scikit-learn"),
        trees=(Tree(SERVER / "digits", "/app/digits"), Tree(models, "/models")),
        environment={"OMP_NUM_THREADS": "1"},
    )


@contextmanager
def local_platform(provider: str) -> Iterator[LocalPlatform]:
    """Start a cluster for the story; it ends with the story, whatever happens."""
    try:
        with LocalCluster(name="demo") as cluster:
            if provider == "istio":
                cluster.start_istio()
            yield LocalPlatform(cluster, provider)
    except LocalClusterError as error:
        raise StoryError(str(error)) from error

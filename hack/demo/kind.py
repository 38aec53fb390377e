"""The story's platform on kind, where Docker is to be had: the same story, other ways to build and to load."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.platforms import DEMO_IMAGE, REPOSITORY, StoryError
from localcluster.images import operator_image

CLUSTER = "serin-demo"
CONTOUR = "github.com/projectcontour/contour@v1.33.8"
GATEWAY_API = "sigs.k8s.io/gateway-api@v1.6.3"
OBJECTS = Path(__file__).parent / "kind"
GATEWAY_URL = "http://127.0.0.1:8088"
PROGRAMS = {
    "docker": "install Docker, or run `make demo`, which needs none",
    "kind": "install it with `go install sigs.k8s.io/kind@v0.33.0`",
    "kubectl": "install the Kubernetes command line",
    "go": "install Go 1.26 or later: the manifests of Contour come as a Go module",
}


class KindPlatform:
    """A kind cluster with Contour and Prometheus."""

    def __init__(self, kubeconfig: Path) -> None:
        """Use the cluster of this kubeconfig."""
        self.kubeconfig = kubeconfig
        self.gateway_url = self.model_url = GATEWAY_URL

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl against the cluster."""
        return command("kubectl", "--kubeconfig", str(self.kubeconfig), *arguments, given=given)

    def load_operator(self) -> None:
        """Build the operator's image with Docker and load it into the node."""
        name = operator_image().name
        command("docker", "build", "-q", "-t", name, str(REPOSITORY))
        command("kind", "load", "docker-image", "--name", CLUSTER, name)

    def load_demo(self, models: Path) -> None:
        """Build the demo's image with Docker and load it into the node."""
        demo = REPOSITORY / "examples" / "demo"
        command("docker", "build", "-q", "-t", DEMO_IMAGE, "--build-context", f"models={models}", str(demo))
        command("kind", "load", "docker-image", "--name", CLUSTER, DEMO_IMAGE)

    def stop_prometheus(self) -> None:
        """Take its pod away; its data lie on the node."""
        self.kubectl("scale", "-n", "serin-monitoring", "deployment/prometheus", "--replicas=0")
        self.kubectl("wait", "-n", "serin-monitoring", "--for=delete", "pod", "-l", "app=prometheus")

    def start_prometheus(self) -> None:
        """Give it its pod again."""
        self.kubectl("scale", "-n", "serin-monitoring", "deployment/prometheus", "--replicas=1")
        self.kubectl("rollout", "status", "-n", "serin-monitoring", "deployment/prometheus", "--timeout=60s")


@contextmanager
def kind_platform() -> Iterator[KindPlatform]:
    """Create a kind cluster for the story, and delete it afterwards."""
    for program, remedy in PROGRAMS.items():
        if shutil.which(program) is None:
            raise StoryError(f"there is no {program} on this machine: {remedy}")
    try:
        command("docker", "info")
    except StoryError as error:
        raise StoryError(f"Docker does not answer: start it, or run `make demo`, which needs none. {error}") from error
    kubeconfig = Path.home() / ".kube" / f"{CLUSTER}.yaml"
    kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    config = str(REPOSITORY / "kind-config.yaml")
    name = ("--name", CLUSTER, "--kubeconfig", str(kubeconfig))
    try:
        command("kind", "create", "cluster", *name, "--config", config, "--wait", "120s")
        platform = KindPlatform(kubeconfig)
        install_gateway(platform)
        platform.kubectl("apply", "-f", str(OBJECTS / "prometheus.yaml"))
        platform.start_prometheus()
        yield platform
    finally:
        command("kind", "delete", "cluster", *name)
        kubeconfig.unlink(missing_ok=True)


def install_gateway(platform: KindPlatform) -> None:
    """Install the Gateway API and Contour from their own manifests, and the Gateway `serin`."""
    gateway_api = module_directory(GATEWAY_API) / "config" / "crd" / "standard"
    platform.kubectl("apply", "--server-side", "-f", str(gateway_api))
    platform.kubectl("apply", "-f", str(module_directory(CONTOUR) / "examples" / "contour"))
    platform.kubectl("apply", "-f", str(OBJECTS / "gateway.yaml"))
    platform.kubectl("rollout", "restart", "-n", "projectcontour", "deployment/contour")
    platform.kubectl("rollout", "status", "-n", "projectcontour", "deployment/contour", "--timeout=120s")
    platform.kubectl("rollout", "status", "-n", "projectcontour", "daemonset/envoy", "--timeout=120s")


def module_directory(module: str) -> Path:
    """Download a Go module and return where it lies."""
    return Path(json.loads(command("go", "mod", "download", "-json", module))["Dir"])


def command(*words: str, given: str | None = None) -> str:
    """Run a command to its end; raises StoryError with what it said."""
    done = subprocess.run(words, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StoryError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout

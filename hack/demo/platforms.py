"""What the story needs of a cluster, whichever it is told on."""

from pathlib import Path
from typing import Protocol

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO_IMAGE = "localhost/serin-demo:1"


class StoryError(Exception):
    """The story cannot go on; the message says what was expected, what was found and what to do."""


class Platform(Protocol):
    """A running cluster with a Gateway `serin` in `serin-gateway`, and a Service `prometheus` in `serin-monitoring`."""

    @property
    def kubeconfig(self) -> Path:
        """The path of a kubeconfig with every right."""

    @property
    def gateway_url(self) -> str:
        """Where requests to the Gateway enter, without a slash at the end."""

    @property
    def model_url(self) -> str:
        """Where requests to the model enter, whichever proxy splits them."""

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl, with `given` on its standard input; raises StoryError with what it said."""

    def load_operator(self) -> None:
        """Build the operator's image and bring it to the node."""

    def load_demo(self, models: Path) -> None:
        """Build the demo's image, with the models of this directory in it, and bring it to the node."""

    def stop_prometheus(self) -> None:
        """Stop Prometheus; its data stay."""

    def start_prometheus(self) -> None:
        """Start Prometheus again."""

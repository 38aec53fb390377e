"""What the story needs of a cluster, whichever it is told on."""

from pathlib import Path
from typing import Protocol

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO_IMAGE = "localhost/serin-demo:1"


class StoryError(Exception):
    """The story cannot go on; the message says what was expected, what was found and what to do."""


class Platform(Protocol):
    """A running cluster with a Gateway `serin` in the namespace `serin-gateway`, and Prometheus."""

    @property
    def kubeconfig(self) -> Path:
        """The path of a kubeconfig with every right."""

    @property
    def gateway_url(self) -> str:
        """Where requests enter, without a slash at the end."""

    @property
    def prometheus_for_pods(self) -> str:
        """The URL at which the operator's pod finds Prometheus."""

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl, with `given` on its standard input; raises StoryError with what it said."""

    def load_images(self, models: Path) -> None:
        """Build the operator's image and the demo's with the models in it, and bring both to the node."""

    def stop_prometheus(self) -> None:
        """Stop Prometheus; its data stay."""

    def start_prometheus(self) -> None:
        """Start Prometheus again."""

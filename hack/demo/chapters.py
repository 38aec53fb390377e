"""The story as data: what is applied, what is expected of Serin, how long it may take."""

from dataclasses import dataclass

from demo.ledger import Badness
from serin.api.status import Outcome

NAMESPACE = "serin-demo"
MODEL = "digits"
PROVIDERS = ("gateway", "istio")
"""Who may split the requests: a route of the Gateway API, as the manifests say, or what `traffic/` says instead."""
SLOW_AFTER_SECONDS = 0.25


@dataclass(frozen=True)
class Chapter:
    """One version of the model. `deadline` is in seconds; `badness` is what its users would suffer from.

    `metric` is the one that must turn it away. With `rush` more users come in the middle of it.
    """

    name: str
    version: str
    title: str
    line: str
    expected: Outcome
    deadline: float
    badness: Badness | None = None
    metric: str = ""
    prometheus_goes_away: bool = False
    rush: "Rush | None" = None

    @property
    def overlay(self) -> str:
        """The directory of its manifests under examples/demo/manifests."""
        return self.name


@dataclass(frozen=True)
class Rush:
    """More users for a while: so many requests a second, which so many pods carry when the chapter ends."""

    rate: float
    pods: int


CHAPTERS = (
    Chapter(
        name="v1",
        version="1.0.0",
        title="v1 is deployed",
        line="A first model, trained on few images. There is nothing to compare it with.",
        expected=Outcome.DEPLOYED,
        deadline=120,
    ),
    Chapter(
        name="v2",
        version="2.0.0",
        title="v2 is better",
        line="Trained on all images. It gets traffic step by step, and more users come.",
        expected=Outcome.PROMOTED,
        deadline=150,
        rush=Rush(rate=90.0, pods=3),
    ),
    Chapter(
        name="v3",
        version="3.0.0",
        title="v3 is less accurate",
        line="It sees only the top of each image. Only late labels give it away.",
        expected=Outcome.ROLLED_BACK,
        deadline=150,
        badness=Badness.WRONG,
        metric="accuracy",
    ),
    Chapter(
        name="v4",
        version="4.0.0",
        title="v4 is slow",
        line="v2's model behind a feature store that takes 300 ms. Promised are 250 ms.",
        expected=Outcome.ROLLED_BACK,
        deadline=150,
        badness=Badness.SLOW,
        metric="latency",
    ),
    Chapter(
        name="v5",
        version="5.0.0",
        title="v5 fails",
        line="Its preprocessing has a bug: one request in five is answered with a 500.",
        expected=Outcome.ROLLED_BACK,
        deadline=150,
        badness=Badness.ERROR,
        metric="error-rate",
    ),
    Chapter(
        name="v6",
        version="6.0.0",
        title="v6 meets an outage",
        line="A good model. Then Prometheus stops: Serin may not go on, nor roll back.",
        expected=Outcome.PROMOTED,
        deadline=200,
        prometheus_goes_away=True,
    ),
)

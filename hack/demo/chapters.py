"""The story as data: what is applied, what is expected of Serin, how long it may take."""

from dataclasses import dataclass

from demo.ledger import Badness
from serin.api.status import Outcome

NAMESPACE = "serin-demo"
MODEL = "digits"
SLOW_AFTER_SECONDS = 0.25


@dataclass(frozen=True)
class Chapter:
    """One version of the model. `deadline` is in seconds; `badness` is what its users would suffer from."""

    name: str
    version: str
    title: str
    line: str
    expected: Outcome
    deadline: float
    badness: Badness | None = None
    prometheus_goes_away: bool = False

    @property
    def overlay(self) -> str:
        """The directory of its manifests under examples/demo/manifests."""
        return self.name


CHAPTERS = (
    Chapter(
        name="v1",
        version="1.0.0",
        title="v1 is deployed",
        line="A first model, trained on 200 images. There is nothing to compare it with.",
        expected=Outcome.DEPLOYED,
        deadline=60,
    ),
    Chapter(
        name="v2",
        version="2.0.0",
        title="v2 is better",
        line="A better model, trained on all images. Serin gives it traffic step by step, then promotes it.",
        expected=Outcome.PROMOTED,
        deadline=90,
    ),
    Chapter(
        name="v3",
        version="3.0.0",
        title="v3 is less accurate",
        line="It sees only the top of each image. It is fast and never fails: only late labels give it away.",
        expected=Outcome.ROLLED_BACK,
        deadline=90,
        badness=Badness.WRONG,
    ),
    Chapter(
        name="v4",
        version="4.0.0",
        title="v4 is slow",
        line="The model of v2 behind a feature store that takes 300 ms. The promise is 250 ms for 95 of 100.",
        expected=Outcome.ROLLED_BACK,
        deadline=90,
        badness=Badness.SLOW,
    ),
    Chapter(
        name="v5",
        version="5.0.0",
        title="v5 fails",
        line="Its new preprocessing cannot handle every image: one request in five is answered with a 500.",
        expected=Outcome.ROLLED_BACK,
        deadline=90,
        badness=Badness.ERROR,
    ),
    Chapter(
        name="v6",
        version="6.0.0",
        title="v6 meets an outage",
        line="A good model again. Then Prometheus stops: Serin must neither promote nor roll back.",
        expected=Outcome.PROMOTED,
        deadline=120,
        prometheus_goes_away=True,
    ),
)

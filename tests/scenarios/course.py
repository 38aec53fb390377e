"""What pods and weights were during a rollout, moment by moment, as watches told it."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import TracebackType
from typing import Self

import requests

from scenarios.api import Object
from scenarios.diary import Diary, Page
from scenarios.stage import NAME, Stage

BEGINNING, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
LATE = timedelta(seconds=1)
"""How much later a watch may tell of a pod than of a route: it is no shortage."""


@dataclass(frozen=True)
class Moment:
    """At a moment: the weight of a version in the route, its Ready pods, and how many carry the whole traffic."""

    at: datetime
    weight: int
    ready: int
    whole: int

    @property
    def suffices(self) -> bool:
        """Whether the version has the pods of its share."""
        return self.ready >= -(-self.whole * self.weight // 100)


class Course:
    """Watches the pods, the Deployments, the route and the ModelDeployment of a stage while it is entered."""

    def __init__(self, connection: tuple[requests.Session, str], stage: Stage) -> None:
        namespace = stage.api.namespace
        self.pods = Diary(connection, "Pod", namespace)
        self.deployments = Diary(connection, "Deployment", namespace)
        self.routes = Diary(connection, "HTTPRoute", namespace)
        self.models = Diary(connection, "ModelDeployment", namespace)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for diary in (self.pods, self.deployments, self.routes, self.models):
            self._open.enter_context(diary)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def replicas(self, revision: str, *, since: datetime = BEGINNING, until: datetime = END) -> list[int]:
        """The replicas that the Deployment of a revision was to have between two moments, in order, each once."""
        name = f"{NAME}-{revision}"
        ends = [*(page.at for page in self.deployments.pages[1:]), END]
        return changes(
            page.objects[name]["spec"]["replicas"]
            for page, end in zip(self.deployments.pages, ends, strict=True)
            if name in page.objects and end > since and page.at < until
        )

    def total(self) -> list[int]:
        """The replicas that all versions together were to have, in order, each once."""
        return changes(sum(it["spec"]["replicas"] for it in page.objects.values()) for page in self.deployments.pages)

    def statuses(self) -> list[Object]:
        """Every status of the ModelDeployment, in order."""
        return [page.objects[NAME].get("status") or {} for page in self.models.pages if NAME in page.objects]

    def asked(self) -> list[int]:
        """The `spec.replicas` of the ModelDeployment, in order, each once."""
        return changes(page.objects[NAME]["spec"]["replicas"] for page in self.models.pages if NAME in page.objects)

    def moments(self, revision: str) -> Iterator[Moment]:
        """A version at each change of the route or of a pod.

        Its Ready pods are the most of the second after, as what happened before may be told later.
        """
        for page in sorted((*self.routes.pages, *self.pods.pages), key=_time):
            route = next(self.routes.at(page.at)).get(NAME)
            if route is None:
                continue
            ready = max(len(ready_pods(pods, revision)) for pods in self.pods.at(page.at, LATE))
            known = (next(self.models.at(page.at))[NAME].get("status") or {}).get("capacity") or {}
            yield Moment(page.at, weight(route, revision), ready, known.get("whole", 0))

    def when(self, revision: str, least: int) -> datetime:
        """When a revision first had so much weight in the route."""
        return next(
            page.at
            for page in self.routes.pages
            if NAME in page.objects and weight(page.objects[NAME], revision) >= least
        )


def weight(route: Object, revision: str) -> int:
    """The weight of a revision in a route."""
    backends = (ref for rule in route["spec"]["rules"] for ref in rule["backendRefs"])
    return sum(int(ref.get("weight", 1)) for ref in backends if ref["name"] == f"{NAME}-{revision}")


def ready_pods(pods: dict[str, Object], revision: str) -> list[str]:
    """The Ready pods of a revision."""
    return [
        name
        for name, pod in pods.items()
        if pod["metadata"].get("labels", {}).get("serin.dev/revision") == revision
        and any(it["type"] == "Ready" and it["status"] == "True" for it in pod["status"].get("conditions", ()))
    ]


def changes(values: Iterator[int]) -> list[int]:
    """Values in order, without repetitions."""
    found: list[int] = []
    for value in values:
        if not found or found[-1] != value:
            found.append(value)
    return found


def turns(values: list[int]) -> int:
    """How often values change their direction, from up to down or back."""
    steps = [after - before for before, after in pairwise(values)]
    return sum(one * other < 0 for one, other in pairwise(steps))


def _time(page: Page) -> datetime:
    return page.at

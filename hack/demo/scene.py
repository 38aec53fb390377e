"""One moment of the story, as both views tell it: a value, without a connection to anything."""

from dataclasses import dataclass, field
from datetime import datetime

from demo.chapters import Chapter
from demo.ledger import Account
from serin.api.status import AnalysisStatus, ModelDeploymentStatus, RevisionStatus, Role


@dataclass(frozen=True)
class EventLine:
    """A Kubernetes event of the ModelDeployment, or something that the story itself did."""

    at: datetime
    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True)
class Moment:
    """The share of the traffic, in percent, that the version of a chapter had at one time, and all Ready pods."""

    chapter: int
    weight: int
    pods: int


@dataclass(frozen=True)
class Scene:
    """What is to be seen now. `elapsed` is in seconds since the story began.

    `ended` holds, for every chapter that is over, whether it ended as it should; `timeline` what has been so far, in
    even steps of time.
    """

    chapters: tuple[Chapter, ...]
    current: int
    elapsed: float
    account: Account
    ended: tuple[bool, ...] = ()
    note: str = ""
    status: ModelDeploymentStatus = field(default_factory=ModelDeploymentStatus)
    events: tuple[EventLine, ...] = ()
    timeline: tuple[Moment, ...] = ()

    @property
    def chapter(self) -> Chapter:
        """The chapter that is being told."""
        return self.chapters[self.current]

    @property
    def weight(self) -> int:
        """How much of the traffic the chapter's version has, in percent."""
        return sum(item.weight or 0 for item in self.status.revisions if item.version == self.chapter.version)

    @property
    def pods(self) -> int:
        """All Ready pods, of whichever version."""
        return sum(item.ready_replicas for item in self.status.revisions)

    @property
    def analysis(self) -> AnalysisStatus | None:
        """The analysis of the chapter's version: also its last word, once the version is accepted or turned away."""
        analysis = self.status.analysis
        own = {item.revision for item in self.status.revisions if item.version == self.chapter.version}
        return analysis if analysis is not None and analysis.revision in own else None

    @property
    def live_revisions(self) -> tuple[RevisionStatus, ...]:
        """The revisions that have pods or traffic: stable first, then the candidate."""
        order = list(Role)
        live = (item for item in self.status.revisions if item.weight or item.replicas or item.ready_replicas)
        return tuple(sorted(live, key=lambda item: order.index(item.role)))


def percent(share: float) -> str:
    """Write a share of events for a person: `0.3 %`, `12 %`."""
    value = share * 100
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %"

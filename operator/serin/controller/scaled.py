"""One autoscaled ModelDeployment between two passes: its versions, and what the algorithm remembers of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from serin.api.autoscaling import Autoscaling
from serin.api.autoscaling_metrics import AutoscalingMetric
from serin.api.autoscaling_status import AutoscalingStatus
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ConditionStatus, ModelDeploymentStatus, Phase, RevisionStatus
from serin.cluster.resources import ObjectKey
from serin.controller.pods import PodBook
from serin.controller.questions import Wanted
from serin.controller.sampling import Found
from serin.rollout.capacity import lacks_pods, whole_of
from serin.rollout.world import Advice
from serin.scaling.asked import asked
from serin.scaling.autoscaler import recommend
from serin.scaling.history import EMPTY, History
from serin.scaling.metrics import MetricSpec
from serin.scaling.pods import Pod
from serin.scaling.remembered import recall
from serin.scaling.report import Recommendation
from serin.scaling.share import Seen, Shares, as_many, of_a_part, of_all_traffic, only_raising, part_of, raised
from serin.scaling.spec import AutoscalerSpec, Scale, Situation

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NEWS_OF_A_RATIO = 0.1
"""Ratios that differ by less say the same; so do numbers of requests that differ by less than this part."""


@dataclass
class Version:
    """One revision.

    spec: what it is scaled by; replicas: those that the algorithm counts from; percent: its share of the traffic.
    rebalances: whether it may have fewer pods than replicas, as its traffic and its pods are elsewhere.
    told: the status that the history was last taken up from.
    advice: what was said last; passed_on: what of it a plan was last woken for.
    """

    revision: str
    is_stable: bool
    spec: AutoscalerSpec
    replicas: int
    percent: int
    shares: Shares
    rebalances: bool = False
    version: str | None = None
    history: History = EMPTY
    told: AutoscalingStatus | None = None
    advice: Advice | None = None
    passed_on: Advice | None = None
    in_rollout: bool = False

    def remember(self, told: AutoscalingStatus | None, now: datetime) -> None:
        """Take up what stands in the status, if it is another's word than ours: a plan's, or that of a life before."""
        if told is None or told is self.told or told == self.told:
            self.told = told or self.told
            return
        newest = self.advice.at if self.advice is not None else None
        history = recall(told, now if newest is None else told.at)
        if newest is not None and newest > told.at:
            # What was found since the plan looked is not in its word.
            since = (past for past in self.history.recommendations if past.at > told.at)
            history = replace(
                history,
                recommendations=(*history.recommendations, *since),
                conditions=self.history.conditions,
            )
        self.told, self.history = told, history

    def take(self, pods: tuple[Pod, ...], found: Found, now: datetime) -> bool:
        """Advise by what was found; returns whether that is news."""
        recommendation = self._of_stable(pods, found, now) if self.is_stable else self._of_candidate(pods, found, now)
        self.history = recommendation.history
        self.advice = Advice(now, recommendation, self.spec, found.concurrency, found.source)
        unsettled = self.is_stable and recommendation.rescale
        if (
            not unsettled
            and self.passed_on is not None
            and _says_the_same(self.passed_on, self.advice, under_way=self.in_rollout)
        ):
            return False
        self.passed_on = self.advice
        return True

    def _of_stable(self, pods: tuple[Pod, ...], found: Found, now: datetime) -> Recommendation:
        """What the whole traffic needs, from what stable has of it."""
        if self.percent == 100 and self.shares.are_settled(now):
            return self._recommend(Seen(pods, found.samples), now)
        part = part_of(self.shares, found.samples, now)
        samples = (
            of_all_traffic(metric, sample, part)
            for metric, sample in zip(self.spec.metrics, found.samples, strict=True)
        )
        seen = Seen(pods, tuple(samples))
        if self.rebalances:
            seen = as_many(seen, self.replicas)
        recommendation = self._recommend(seen, now)
        return raised(recommendation, now) if only_raising(self.spec.metrics, part) else recommendation

    def _of_candidate(self, pods: tuple[Pod, ...], found: Found, now: datetime) -> Recommendation:
        """What a candidate needs for the traffic that it has."""
        samples = (
            of_a_part(metric, sample, self.percent)
            for metric, sample in zip(self.spec.metrics, found.samples, strict=True)
        )
        return self._recommend(Seen(pods, tuple(samples)), now)

    def _recommend(self, seen: Seen, now: datetime) -> Recommendation:
        there = sum(not pod.deleted and pod.phase not in {"Succeeded", "Failed"} for pod in seen.pods)
        situation = Situation(Scale(self.replicas, there), seen.pods, seen.samples, now)
        return recommend(self.spec, situation, self.history)


def _says_the_same(before: Advice, after: Advice, *, under_way: bool) -> bool:
    """Whether a plan would do and tell the same.

    under_way: how many requests are matters, as it does in a rollout.
    """
    return (
        _words(before) == _words(after)
        and all(map(_is_near, _numbers(before), _numbers(after)))
        and (not under_way or _is_near_in_part(before.concurrency, after.concurrency))
    )


def _words(advice: Advice) -> tuple[object, ...]:
    said = advice.recommendation
    return (
        advice.source,
        advice.spec,
        (said.current, said.replicas, said.proposal, said.reason, said.error),
        [(each.replicas, each.hold, each.reason, each.error) for each in said.metrics],
        [(each.type, each.wanted, each.allowed) for each in said.limits],
        [(each.type, each.status, each.reason) for each in said.conditions],
    )


def _numbers(advice: Advice) -> Sequence[float | None]:
    return [each.ratio for each in advice.recommendation.metrics]


def _is_near(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is after
    return before == after or abs(after - before) < NEWS_OF_A_RATIO


def _is_near_in_part(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is after
    return abs(after - before) <= NEWS_OF_A_RATIO * before


@dataclass
class Scaled:
    """One ModelDeployment that is autoscaled."""

    key: ObjectKey
    uid: str
    versions: dict[str, Version] = field(default_factory=dict)
    server: str = ""
    in_rollout: bool = False
    _autoscaling: Autoscaling | None = None
    _spec: AutoscalerSpec | None = None
    _metrics: tuple[tuple[AutoscalingMetric, MetricSpec], ...] = ()

    def follow(
        self, spec: ModelDeploymentSpec, autoscaling: Autoscaling, status: ModelDeploymentStatus, now: datetime
    ) -> None:
        """Take over what is decided: who is scaled, from how many, at which share of the traffic."""
        whole = self._read(autoscaling)
        self.server, self.in_rollout = spec.server, status.candidate is not None
        told = {entry.revision: entry for entry in status.autoscaling}
        versions = {}
        for entry in _scaled_entries(status):
            is_stable = entry.revision == status.stable
            percent = _percent(status, is_stable=is_stable)
            version = self.versions.get(entry.revision)
            if version is None:
                shares = _shares_at_first_sight(status, percent, now)
                version = Version(entry.revision, is_stable, whole, entry.replicas, percent, shares)
            version.is_stable, version.percent, version.version = is_stable, percent, entry.version
            version.in_rollout = self.in_rollout
            version.spec = whole if is_stable else replace(whole, min_replicas=max(1, whole.minimum))
            version.replicas = whole_of(status, spec) if is_stable else entry.replicas
            version.rebalances = percent < 100 and lacks_pods(spec, status)
            version.shares = version.shares.then(percent, now, moving=_is_moving(status))
            version.remember(told.get(entry.revision), now)
            versions[entry.revision] = version
        self.versions = versions

    def wanted(self, version: Version, book: PodBook) -> Wanted:
        """What has to be known of a version."""
        return Wanted(
            self.key,
            version.revision,
            version.version,
            self.server,
            book.of(self.key, version.revision),
            self._metrics,
        )

    def _read(self, autoscaling: Autoscaling) -> AutoscalerSpec:
        """What is followed; read anew if it was edited. What is remembered stays, as upstream has it."""
        if self._spec is None or (autoscaling is not self._autoscaling and autoscaling != self._autoscaling):
            self._spec = asked(autoscaling)
            self._metrics = tuple(zip(autoscaling.expanded().metrics or (), self._spec.metrics, strict=True))
        self._autoscaling = autoscaling
        return self._spec


def _scaled_entries(status: ModelDeploymentStatus) -> list[RevisionStatus]:
    """Stable, and a candidate that was not turned away, once it is meant to have pods."""
    candidate = None if status.phase is Phase.ROLLING_BACK else status.candidate
    return [
        entry
        for entry in status.revisions
        if entry.revision == status.stable or (entry.revision == candidate and entry.replicas > 0)
    ]


def _percent(status: ModelDeploymentStatus, *, is_stable: bool) -> int:
    """A version's share of the traffic."""
    weight = (status.weight or 0) if status.candidate is not None else 0
    return 100 - weight if is_stable else weight


def _is_moving(status: ModelDeploymentStatus) -> bool:
    """Whether the route does not have the decided weights yet."""
    shifted = next((each.status for each in status.conditions if each.type == "TrafficShifted"), None)
    return shifted is ConditionStatus.FALSE


def _shares_at_first_sight(status: ModelDeploymentStatus, percent: int, now: datetime) -> Shares:
    """Since when a version has its share, as far as the status tells: before, it had another one."""
    if status.candidate is not None:
        since = status.step.since if status.step is not None and status.step.since is not None else now
    elif status.history:
        since = status.history[0].ended_at
    else:
        return Shares(((_LONG_AGO, percent),))
    return Shares(((_LONG_AGO, 0 if percent == 100 else 100), (since, percent)))

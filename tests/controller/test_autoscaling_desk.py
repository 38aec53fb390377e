"""The desk passes on the grid, asks once for all, and wakes a plan only for what is news."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller.test_pods import pod
from controller.test_sampling import Cluster
from controller.whole import manifest
from fakes.manual_time import ManualTime
from fakes.waiting import until
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus
from serin.cluster.resources import ObjectKey
from serin.controller.autoscaling import SYNC_PERIOD, AutoscalingDesk
from serin.controller.pods import PodBook
from serin.controller.questions import Wanted
from serin.controller.sampling import Found, Sampler
from serin.metrics import AutoscalingMetrics, Meters
from serin.metrics.loads import RATE_WINDOW, WINDOW
from serin.metrics.provider import RangeQuery, Series
from serin.rollout import capacity
from serin.scaling.remembered import remember
from serin.scaling.samples import PodUsage, ResourceUsage, Unavailable

START = datetime(2026, 1, 1, tzinfo=UTC)
STABLE, CANDIDATE = "5c9d7f4b6d", "8f21c0a97e"
FRAUD = ObjectKey("ml", "fraud")
CPU = {"minReplicas": 2, "maxReplicas": 20, "scaleUpAbove": {"cpu": "70%"}}


class Pods:
    """Pods that a test puts in, always synced."""

    def __init__(self) -> None:
        self.book = PodBook()
        self.needed = False

    def need(self, *, needed: bool) -> None:
        """Note it."""
        self.needed = needed

    async def synced(self) -> None:
        """At once."""

    def add(self, key: ObjectKey, revision: str, count: int) -> None:
        """So many pods of a revision that request a core each."""
        for number in range(count):
            name = f"{key.name}-{revision}-{number}"
            item = pod(name, revision, key.name, resources={"requests": {"cpu": "1"}})
            since = "2025-12-01T00:00:00Z"
            item["status"] |= {
                "startTime": since,
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}],
            }
            self.book.changed(ObjectKey(key.namespace, name), item)


@dataclass
class Cores:
    """Samples of CPU: as many cores as the test says for each pod of a revision; None is an outage."""

    of: dict[str, float | None] = field(default_factory=dict)
    asked: list[list[Wanted]] = field(default_factory=list)
    error: Exception | None = None

    async def sample(self, wanted: Sequence[Wanted], at: datetime) -> list[Found]:
        """The same for each pod."""
        self.asked.append(list(wanted))
        if self.error is not None:
            raise self.error
        others = Unavailable("nobody knows")
        return [Found((self._usage(one, at), *[others] * (len(one.metrics) - 1)), "metrics.k8s.io") for one in wanted]

    def _usage(self, wanted: Wanted, at: datetime) -> ResourceUsage | Unavailable:
        cores = self.of.get(wanted.revision)
        if cores is None:
            return Unavailable("the metrics are away")
        amounts = {"model": {"cpu": round(cores * 1000)}}
        return ResourceUsage(tuple(PodUsage(one.name, at, SYNC_PERIOD, amounts) for one in wanted.pods))


@dataclass
class Story:
    """A desk at work, and its world."""

    desk: AutoscalingDesk
    time: ManualTime
    pods: Pods
    woken: Counter[ObjectKey]

    async def passes(self, number: int = 1) -> None:
        """So many passes from now."""
        for _ in range(number):
            await until(lambda: self.time.sleepers)
            self.time.set(min(self.time.sleepers))
            await until(lambda: min(self.time.sleepers, default=START) > self.time.now())

    def said(self, revision: str = STABLE) -> int:
        """The replicas that are advised."""
        return self.desk.advice(FRAUD)[revision].recommendation.replicas


@asynccontextmanager
async def running(samples: Any) -> AsyncIterator[Story]:
    """A desk at work."""
    time, pods, woken = ManualTime(START + timedelta(seconds=4)), Pods(), Counter[ObjectKey]()

    def wake(key: ObjectKey) -> None:
        woken[key] += 1

    desk = AutoscalingDesk(samples, pods, wake, time)  # type: ignore[arg-type]
    task = asyncio.create_task(desk.run())
    try:
        yield Story(desk, time, pods, woken)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def spec(**autoscaling: Any) -> ModelDeploymentSpec:
    """A spec with autoscaling."""
    written = manifest("fraud", "1.0.0", replicas=1, autoscaling=autoscaling or CPU)["spec"]
    return ModelDeploymentSpec.model_validate(written)


def status(
    replicas: int = 4, *, weight: int | None = None, since: datetime = START, **changed: Any
) -> ModelDeploymentStatus:
    """Stable, and with a weight a candidate beside it."""
    revisions = [{"revision": STABLE, "version": "1.0.0", "role": "Stable", "replicas": replicas}]
    whole: dict[str, Any] = {"phase": "Healthy", "stable": STABLE, "capacity": {"whole": replicas}}
    if weight is not None:
        revisions.append({"revision": CANDIDATE, "version": "2.0.0", "role": "Candidate", "replicas": 2})
        step = {"index": 1, "of": 2, "kind": "Weight", "weight": weight, "plan": "p", "since": since.isoformat()}
        whole |= {"phase": "Progressing", "candidate": CANDIDATE, "weight": weight, "step": step}
    return ModelDeploymentStatus.model_validate(whole | {"revisions": revisions} | changed)


def test_a_pass_comes_at_each_tick_of_the_grid_and_only_while_there_is_something_to_say() -> None:
    async def story() -> None:
        samples = Cores({STABLE: 0.7})
        async with running(samples) as it:
            await until(lambda: not it.pods.needed)
            assert not it.time.sleepers
            it.pods.add(FRAUD, STABLE, 4)
            it.desk.follow(FRAUD, "uid", spec(), status())
            await until(lambda: it.time.sleepers == [START + SYNC_PERIOD])
            assert it.pods.needed
            await it.passes(3)
            assert len(samples.asked) == 3
            it.desk.forget(FRAUD)
            await until(lambda: not it.time.sleepers)
            assert not it.pods.needed
            it.time.advance(60)
            assert len(samples.asked) == 3

    asyncio.run(story())


def test_who_has_no_stable_version_or_no_autoscaling_is_not_asked_for() -> None:
    async def story() -> None:
        async with running(Cores()) as it:
            it.desk.follow(FRAUD, "uid", spec(), status(stable=None))
            assert not it.desk.scaled
            it.desk.follow(FRAUD, "uid", spec(), status())
            assert it.desk.scaled
            plain = ModelDeploymentSpec.model_validate(manifest("fraud", "1.0.0")["spec"])
            it.desk.follow(FRAUD, "uid", plain, status())
            assert not it.desk.scaled

    asyncio.run(story())


def test_what_says_the_same_wakes_nobody_and_news_do() -> None:
    async def story() -> None:
        samples = Cores({STABLE: 0.7})
        async with running(samples) as it:
            it.pods.add(FRAUD, STABLE, 4)
            it.desk.follow(FRAUD, "uid", spec(), status())
            await it.passes()
            assert it.woken == {FRAUD: 1}
            samples.of[STABLE] = 0.68
            await it.passes(5)
            assert it.woken == {FRAUD: 1}
            samples.of[STABLE] = 0.55  # within the tolerance downwards no other replicas, but another ratio
            await it.passes()
            assert it.woken[FRAUD] == 2
            samples.of[STABLE] = None
            await it.passes(3)
            assert it.woken[FRAUD] == 3
            assert it.said() == 4

    asyncio.run(story())


def test_stable_that_should_have_other_replicas_wakes_a_plan_until_it_has_them() -> None:
    async def story() -> None:
        async with running(Cores({STABLE: 1.4})) as it:
            it.pods.add(FRAUD, STABLE, 4)
            it.desk.follow(FRAUD, "uid", spec(), status())
            await it.passes(3)
            assert (it.said(), it.woken[FRAUD]) == (8, 3)

    asyncio.run(story())


def test_a_candidate_is_scaled_by_its_own_pods_and_never_to_zero() -> None:
    async def story() -> None:
        samples = Cores({STABLE: 0.35, CANDIDATE: 1.05})
        async with running(samples) as it:
            it.pods.add(FRAUD, STABLE, 4)
            it.pods.add(FRAUD, CANDIDATE, 2)
            target = {"type": "Value", "value": "5"}
            external = {"type": "External", "external": {"metric": {"name": "lag"}, "target": target}}
            resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
            autoscaling = {
                "minReplicas": 0,
                "maxReplicas": 20,
                "metrics": [{"type": "Resource", "resource": resource}, external],
            }
            it.desk.follow(FRAUD, "uid", spec(**autoscaling), status(weight=50))
            await it.passes(40)
            assert (it.said(STABLE), it.said(CANDIDATE)) == (4, 3)
            assert it.desk.scaled[FRAUD].versions[CANDIDATE].spec.minimum == 1

    asyncio.run(story())


def test_while_the_traffic_moves_stable_is_not_taken_to_need_less_nor_more() -> None:
    async def story() -> None:
        samples = Cores({STABLE: 0.7, CANDIDATE: 0.7})
        async with running(samples) as it:
            it.pods.add(FRAUD, STABLE, 4)
            it.pods.add(FRAUD, CANDIDATE, 2)
            it.desk.follow(FRAUD, "uid", spec(), status(weight=0))
            await it.passes(2)
            pending = [{"type": "TrafficShifted", "status": "False", "reason": "Pending", "message": ""}]
            times = {"lastTransitionTime": START.isoformat(), "observedGeneration": 1}
            conditions = [{**each, **times} for each in pending]
            it.desk.follow(FRAUD, "uid", spec(), status(weight=50, conditions=conditions))
            await it.passes(2)
            assert it.said() == 4  # not the 8 that the new weight would make of an old load
            it.desk.follow(FRAUD, "uid", spec(), status(weight=50, since=it.time.now()))
            samples.of[STABLE] = 0.35
            await it.passes(2)
            assert it.said() == 4
            await it.passes(40)
            assert it.said() == 4
            samples.of[STABLE] = 0.7
            await it.passes()
            assert it.said() == 8

    asyncio.run(story())


def test_what_a_plan_did_is_taken_up_with_what_was_found_since() -> None:
    async def story() -> None:
        samples = Cores({STABLE: 0.7})
        async with running(samples) as it:
            it.pods.add(FRAUD, STABLE, 4)
            it.desk.follow(FRAUD, "uid", spec(), status())
            await it.passes()
            first = it.desk.advice(FRAUD)[STABLE]
            samples.of[STABLE] = 0.35
            await it.passes()
            told = remember(STABLE, first.recommendation, first.at, source=first.source)
            it.desk.follow(FRAUD, "uid", spec(), status(autoscaling=[told.to_dict()]))
            history = it.desk.scaled[FRAUD].versions[STABLE].history
            assert [(past.replicas, past.at) for past in history.recommendations] == [
                (4, START + SYNC_PERIOD),
                (2, START + 2 * SYNC_PERIOD),
            ]

    asyncio.run(story())


def test_a_mistake_for_one_hurts_no_other_and_a_mistake_for_all_is_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        samples = Cores({STABLE: 1.4})
        churn = ObjectKey("ml", "churn")
        async with running(samples) as it:
            for key in (FRAUD, churn):
                it.pods.add(key, STABLE, 4)
                it.desk.follow(key, "uid", spec(), status())
            broken = it.desk.scaled[churn].versions[STABLE]
            broken.spec = replace(broken.spec, metrics=())
            await it.passes()
            assert it.said() == 8
            assert it.woken == {FRAUD: 1}
            assert "No replicas could be recommended for" in caplog.text
            samples.error = RuntimeError("a bug")
            await it.passes()
            assert it.said() == 4
            assert "RuntimeError: a bug" in it.desk.advice(FRAUD)[STABLE].recommendation.error

    asyncio.run(story())


def test_what_ended_while_it_was_asked_for_is_not_advised_on() -> None:
    async def story() -> None:
        samples = Cores({STABLE: 1.4})
        async with running(samples) as it:
            it.pods.add(FRAUD, STABLE, 4)
            it.desk.follow(FRAUD, "uid", spec(), status())
            sample = samples.sample

            async def ending(wanted: Sequence[Wanted], at: datetime) -> list[Found]:
                it.desk.forget(FRAUD)
                it.desk.follow(FRAUD, "uid", spec(), status())
                return await sample(wanted, at)

            samples.sample = ending  # type: ignore[method-assign]
            await it.passes()
            assert it.woken == {}
            assert it.desk.advice(FRAUD) == {}

    asyncio.run(story())


class Counting:
    """A Prometheus that counts."""

    def __init__(self) -> None:
        self.queries: list[RangeQuery] = []

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        """Nothing."""
        self.queries.append(query)
        return ()


async def cost_of_a_pass(number: int) -> tuple[int, int]:
    """Queries of Prometheus and requests to the cluster that so many ModelDeployments with four metrics cost."""
    provider, cluster = Counting(), Cluster()
    prometheus = AutoscalingMetrics(provider, Meters(CollectorRegistry()))
    async with running(Sampler(cluster, prometheus)) as it:
        thresholds = {"cpu": "70%", "memory": "80%", "queueLength": 10, "runningRequests": 8}
        for index in range(number):
            key = ObjectKey(f"team-{index % 5}", f"model-{index}")
            it.pods.add(key, STABLE, 2)
            it.desk.follow(key, "uid", spec(maxReplicas=9, scaleUpAbove=thresholds), status(weight=20))
        await it.passes()
        assert len(it.woken) == number
    return len(provider.queries), len(cluster.asked)


def test_five_hundred_cost_as_many_queries_as_one() -> None:
    one = asyncio.run(cost_of_a_pass(1))
    assert one == (4, 1)
    assert asyncio.run(cost_of_a_pass(500)) == one


def test_the_planner_knows_over_what_time_the_requests_under_way_are_measured() -> None:
    assert max(RATE_WINDOW, WINDOW) == capacity.WINDOW

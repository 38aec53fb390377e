"""What Serin takes from the API server, from Prometheus and from memory: contracts, and no stopwatch."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller.whole import Object, Whole, manifest, own_route, whole_operator
from fakes.apiserver.calls import Call
from fakes.manual_time import ManualTime
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus
from serin.cluster import events
from serin.cluster.resources import ObjectKey
from serin.controller.analysis import AnalysisDesk
from serin.metrics import Meters, MetricsCollector
from serin.metrics.provider import RangeQuery, Series

WEIGHTS = (20, 50, 80)
MOST_CALLS = 20
METRICS = [
    {"name": "error-rate", "threshold": "2%"},
    {"name": "latency", "threshold": "250ms"},
    {"name": "accuracy", "delta": "1%"},
]
SPEC: dict[str, Any] = {
    "replicas": 1,
    "strategy": {"canary": {"steps": [{"weight": weight, "hold": "30s"} for weight in WEIGHTS]}},
    "analysis": {"interval": "30s", "confirm": 1, "metrics": METRICS},
    "rollback": {"keepWarm": "30s", "drain": "5s"},
}


def is_healthy(whole: Whole, name: str, version: str) -> bool:
    """Whether a version has all the traffic."""
    status = whole.status(name)
    return status.get("phase") == "Healthy" and status.get("version") == version


async def rest(whole: Whole) -> None:
    """Until pods that were kept warm are gone, and nothing is waited for."""
    await whole.pass_until(whole.time.now() + timedelta(minutes=10))


def calls_of(whole: Whole, since: int) -> list[Call]:
    """What was asked of the API server since then, watches left out."""
    return [call for call in whole.server.log[since:] if not call.watch]


def told(calls: list[Call]) -> str:
    """Calls by verb and resource, for the message of a failed test."""
    kinds = Counter(f"{call.method} {'/'.join(filter(None, (call.plural, call.subresource)))}" for call in calls)
    return f"{len(calls)} calls: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def test_what_is_idle_costs_no_call_and_no_query() -> None:
    async def scenario() -> None:
        async with whole_operator() as whole:
            for name in ("fraud", "churn", "spam"):
                whole.deploy("1.0.0", name, **SPEC)
            await whole.until(lambda: is_healthy(whole, "spam", "1.0.0"))
            whole.deploy("2.0.0", "churn", **SPEC)
            await whole.until(lambda: is_healthy(whole, "churn", "2.0.0"))
            await rest(whole)
            before, asked = len(whole.server.log), whole.judge.asked

            await whole.pass_until(whole.time.now() + timedelta(minutes=10))

            assert not calls_of(whole, before), told(calls_of(whole, before))
            assert whole.judge.asked == asked

    asyncio.run(scenario())


@pytest.mark.parametrize("whose", ["made", "the user's own"])
def test_a_rollout_over_three_weights_costs_at_most_twenty_calls(whose: str) -> None:
    async def scenario() -> None:
        async with whole_operator() as whole:
            spec = dict(SPEC)
            if whose != "made":
                route = own_route("fraud")
                store = whole.server.store
                store.create(store.kind("httproutes"), route, manager="kubectl")
                spec["traffic"] = {"gatewayAPI": {"httpRoute": {"name": route["metadata"]["name"]}}}
                whole.judge._split = lambda _: whole.split("fraud-front")
            whole.deploy("1.0.0", **spec)
            await whole.until(lambda: is_healthy(whole, "fraud", "1.0.0"))
            await rest(whole)
            before = len(whole.server.log)

            whole.deploy("2.0.0", **spec)
            await whole.until(lambda: is_healthy(whole, "fraud", "2.0.0"))
            await rest(whole)

            calls = calls_of(whole, before)
            assert len(calls) <= MOST_CALLS, told(calls)

    asyncio.run(scenario())


class CountingProvider:
    """A Prometheus that answers nothing and counts."""

    def __init__(self) -> None:
        self.queries: list[RangeQuery] = []

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        """No series."""
        self.queries.append(query)
        return ()


LEVEL = {"name": "level", "gauge": 'level{revision="$revision"}', "maxIncrease": {"absolute": "1"}}


async def queries_of_a_tick(number: int, *, own: int = 0) -> int:
    """How many queries so many progressing rollouts cost in one interval, the first ones with a metric of their own."""
    time, provider, told_of = ManualTime(), CountingProvider(), Counter[ObjectKey]()

    def on_verdict(key: ObjectKey) -> None:
        told_of[key] += 1

    collector = MetricsCollector(provider, Meters(CollectorRegistry()))
    desk = AnalysisDesk(collector, on_verdict, time, delay=timedelta(seconds=1), refresh=timedelta(minutes=1))
    analysis = SPEC["analysis"]
    plain, owning = (
        ModelDeploymentSpec.model_validate(
            manifest("any", "1.0.0", **SPEC | {"analysis": analysis | {"metrics": metrics}})["spec"]
        )
        for metrics in (METRICS, [*METRICS, LEVEL])
    )
    status = ModelDeploymentStatus.model_validate(
        {
            "phase": "Progressing",
            "stable": "5c9d7f4b6d",
            "candidate": "8f21c0a97e",
            "weight": 20,
            "step": {
                "index": 1,
                "of": 3,
                "kind": "Weight",
                "weight": 20,
                "plan": "any",
            },
        }
    )
    assert status.step is not None
    for index in range(number):
        # They began at any time, so all four phases of the grid are in use.
        since = time.now() + timedelta(seconds=index * 7.7 % 30)
        began = status.model_copy(update={"step": status.step.model_copy(update={"since": since})})
        desk.follow(ObjectKey("ml", f"model-{index}"), f"uid-{index}", owning if index < own else plain, began)
    task = asyncio.create_task(desk.run())
    counts = []
    for _ in range(4):  # the first looks ask for stable's history besides
        before = len(provider.queries)
        for _ in range(30):
            time.advance(1)
            # Until whatever is due has been looked at, and the next look is waited for.
            while min(time.sleepers, default=time.now()) <= time.now():  # noqa: ASYNC110 - it waits for a list
                await asyncio.sleep(0.001)
        counts.append(len(provider.queries) - before)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(told_of) == number
    return counts[-1]


def test_queries_do_not_grow_with_the_number_of_rollouts() -> None:
    few, many = 8, 500
    assert asyncio.run(queries_of_a_tick(few)) == asyncio.run(queries_of_a_tick(many)) == 4 * len(METRICS)


def test_a_metric_of_ones_own_costs_its_own_queries_alone() -> None:
    versions, owners = 2, 5
    assert asyncio.run(queries_of_a_tick(8, own=owners)) == 4 * len(METRICS) + versions * owners


def names_in(thing: object, *, depth: int = 6) -> Iterator[str]:
    """Every text in a structure."""
    if isinstance(thing, str):
        yield thing
    elif depth and isinstance(thing, dict):
        for key, value in thing.items():
            yield from names_in(key, depth=depth - 1)
            yield from names_in(value, depth=depth - 1)
    elif depth and isinstance(thing, (list, tuple, set, frozenset)):
        for item in thing:
            yield from names_in(item, depth=depth - 1)


def held(whole: Whole) -> dict[str, Any]:
    """Every collection that the operator keeps of objects."""
    operator = whole.operator
    assert operator is not None
    store, queue, desk = operator._store, operator._queue, operator._desk
    return {
        "store objects": store._objects,
        "store children": store._children,
        "store interested": store._interested,
        "store interests": store._interests,
        "store notes": [set(store._notes), set(store._memos)],
        "queue": [queue._added_at, queue._running, queue._again, set(queue._later), queue._failures],
        "clock": [operator._clock._due, [key for _, _, key in operator._clock._heap]],
        "desk": set(desk.courses),
        "status writer": operator._loop.writer._normalized,
        "reflectors": [reflector._known for reflector in operator._reflectors],
        "primary": [catalog.told for catalog in operator._primary._catalogs.values()],
    }


def series(whole: Whole) -> set[tuple[str, ...]]:
    """Every series of /metrics."""
    assert whole.operator is not None
    return {
        (sample.name, *chain.from_iterable(sorted(sample.labels.items())))
        for family in whole.operator._registry.collect()
        for sample in family.samples
    }


async def churn(whole: Whole, *names: str) -> list[str]:
    """Create ModelDeployments, roll out a good version and a bad one, delete them; returns their uids."""
    await deploy_all(whole, names, "1.0.0")
    await deploy_all(whole, names, "2.0.0")
    whole.judge.failing = 0.5
    await deploy_all(whole, names, "3.0.0", phase="Degraded", ends_with="2.0.0")
    whole.judge.failing = 0.0
    store = whole.server.store
    found = [whole.find("modeldeployments", name) for name in names]
    for name in names:
        store.delete(store.kind("modeldeployments"), ("ml", name))
    await whole.until(lambda: not any(whole.find("modeldeployments", name) for name in names))
    await rest(whole)
    return [item["metadata"]["uid"] for item in found if item is not None]


async def deploy_all(
    whole: Whole, names: Sequence[str], version: str, phase: str = "Healthy", ends_with: str | None = None
) -> None:
    """Deploy a version everywhere, and wait for what comes of it."""
    for name in names:
        whole.deploy(version, name, **SPEC)
    expected = (phase, ends_with or version)

    def done() -> bool:
        states = [whole.status(name) for name in names]
        return all((state.get("phase"), state.get("version")) == expected for state in states)

    await whole.until(done)


def prune_messages(whole: Whole) -> None:
    """Have the API server store another status than it was sent: what it made of it is remembered, too."""
    update = whole.server.store.update

    def pruning(kind: Any, item: Object, **options: Any) -> Object:
        (item.get("status") or {}).pop("message", None)
        return update(kind, item, **options)

    whole.server.store.update = pruning  # type: ignore[method-assign, assignment]


def test_nothing_is_kept_of_what_was_deleted_and_no_series_is_added_for_it() -> None:
    async def scenario() -> None:
        async with whole_operator() as whole:
            prune_messages(whole)
            await churn(whole, "churning-0")
            before = series(whole)
            names = [f"churning-{number}" for number in range(1, 4)]

            uids = [uid for name in names for uid in await churn(whole, name)]

            for place, things in held(whole).items():
                left = sorted({text for text in names_in(things) if text.startswith("churning-") or text in uids})
                assert not left, f"{place} keeps {left[:5]}"
            assert series(whole) == before

    asyncio.run(scenario())


def test_what_is_remembered_to_tell_news_once_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It outlives its object; the oldest make room for the newest, and what is too old to be of use goes anyway."""
    monkeypatch.setattr(events, "REMEMBERED", 8)

    async def scenario() -> None:
        async with whole_operator() as whole:
            assert whole.operator is not None
            recorder, late = whole.operator._events, 0.0
            recorder._monotonic = lambda: late

            async def tell(numbers: range) -> None:
                for number in numbers:
                    metadata = {"name": f"model-{number}", "namespace": "ml", "uid": f"uid-{number}"}
                    item = {"apiVersion": "serin.dev/v1alpha1", "kind": "ModelDeployment", "metadata": metadata}
                    recorder.record(item, "Told", "something happened")
                await recorder.flush(seconds=10)

            await tell(range(50))
            assert len(recorder._buckets) == len(recorder._written) == 8

            late = 3600.0
            await tell(range(50, 52))
            assert len(recorder._buckets) == len(recorder._written) == 2

    asyncio.run(scenario())

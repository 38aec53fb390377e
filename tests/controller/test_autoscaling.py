"""Replicas follow metrics: the whole operator, pods under load, and a time that the test moves."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from controller.autoscaled import SPEC, Autoscaled, Load, autoscaled_operator
from controller.whole import Object
from fakes.apiserver import Call
from serin.api.base import parse_time
from serin.metrics.loads import Load as LoadAsked

MINUTE = timedelta(minutes=1)
STEPS = {"canary": {"steps": [{"weight": 20, "hold": "3m"}, {"weight": 50, "hold": "3m"}]}}
SLOWLY: dict[str, Any] = SPEC | {"strategy": STEPS}


def run(test: Callable[[Autoscaled], Awaitable[None]]) -> None:
    """Run a test with a whole operator."""

    async def whole() -> None:
        async with autoscaled_operator() as operator:
            await test(operator)

    asyncio.run(whole())


async def deployed(whole: Autoscaled, cores: float, **spec: Any) -> str:
    """The first version, at rest under a load; returns its revision."""
    whole.load.cores["fraud"] = cores
    whole.deploy("1.0.0", **{**SPEC, **spec})
    await whole.healthy("1.0.0")
    await whole.minutes(7)
    revision: str = whole.status()["stable"]
    return revision


def calls(whole: Autoscaled, since: int) -> list[Call]:
    """What was asked of the API server since then, watches and the metrics APIs left out."""
    return [call for call in whole.server.log[since:] if not call.watch and "metrics.k8s.io" not in call.path]


def test_replicas_follow_the_load_up_at_once_and_down_after_the_window() -> None:
    async def test(whole: Autoscaled) -> None:
        await deployed(whole, cores=1.4)
        assert whole.stable == 2
        whole.load.cores["fraud"] = 4.2
        await whole.minutes(0.5)
        assert whole.stable == 6
        assert whole.active()["status"] == "True"
        assert whole.active()["message"].endswith("CPU and memory by metrics.k8s.io")
        whole.load.cores["fraud"] = 2.1
        await whole.minutes(4.75)
        assert whole.stable == 6
        await whole.minutes(0.75)
        assert whole.stable == 3

    run(test)


def test_a_steady_load_costs_one_request_a_pass_and_no_write() -> None:
    async def test(whole: Autoscaled) -> None:
        await deployed(whole, cores=4.2)
        before, asked = len(whole.server.log), whole.load.asked
        await whole.minutes(20)
        assert not calls(whole, before)
        assert whole.load.asked - asked == 80

    run(test)


def test_without_autoscaling_nothing_is_watched_and_nothing_asked() -> None:
    async def test(whole: Autoscaled) -> None:
        whole.deploy("1.0.0", replicas=3)
        await whole.healthy("1.0.0")
        await whole.minutes(5)
        assert not [call for call in whole.server.log if "metrics.k8s.io" in call.path or call.plural == "pods"]
        assert not whole.status().get("autoscaling")
        assert not whole.active()

    run(test)


def test_who_takes_autoscaling_out_has_the_replicas_that_are_written_and_the_watch_ends() -> None:
    async def test(whole: Autoscaled) -> None:
        await deployed(whole, cores=4.2)
        whole.deploy("1.0.0", replicas=3)
        await whole.minutes(1)
        assert whole.stable == 3
        asked = whole.load.asked
        await whole.minutes(5)
        assert whole.load.asked == asked
        assert whole.operator is not None
        assert not whole.operator._pods.pulses

    run(test)


def test_stable_keeps_its_replicas_while_its_load_leaves_with_the_traffic() -> None:
    async def test(whole: Autoscaled) -> None:
        first = await deployed(whole, cores=7.0, **SLOWLY)
        assert whole.stable == 10
        whole.deploy("2.0.0", **SLOWLY)
        seen = await whole.seen(lambda: whole.replicas(first), lambda: whole.status().get("weight") == 50)
        await whole.minutes(2)
        assert seen == {10}
        (cpu,) = whole.told_of(first)["metrics"]
        assert (cpu["current"], whole.replicas(first)) == ("70%", 10)

    run(test)


def test_a_load_that_rises_in_a_rollout_is_seen_in_the_part_that_stable_has() -> None:
    async def test(whole: Autoscaled) -> None:
        first = await deployed(whole, cores=3.5, **SLOWLY)
        whole.deploy("2.0.0", **SLOWLY)
        await whole.until(lambda: whole.status().get("weight") == 50)
        await whole.minutes(1)
        assert whole.replicas(first) == 5
        whole.load.cores["fraud"] = 7.0
        await whole.minutes(0.5)
        assert whole.replicas(first) == 10

    run(test)


def test_each_version_is_scaled_by_its_own_pods_and_metrics() -> None:
    async def test(whole: Autoscaled) -> None:
        first = await deployed(whole, cores=7.0, **SLOWLY)
        whole.deploy("2.0.0", **SLOWLY)
        await whole.until(lambda: whole.status().get("weight") == 20)
        second = whole.status()["candidate"]
        assert whole.replicas(second) == 2
        whole.load.factors[second] = 2.5
        await whole.minutes(2)
        assert (whole.replicas(first), whole.replicas(second)) == (10, 5)
        (cpu,) = whole.told_of(second)["metrics"]
        assert cpu["current"] == "70%"

    run(test)


def test_a_candidate_that_was_turned_away_is_not_scaled_any_more() -> None:
    async def test(whole: Autoscaled) -> None:
        first = await deployed(whole, cores=7.0, **SLOWLY)
        whole.deploy("2.0.0", **SLOWLY)
        await whole.until(lambda: whole.status().get("weight") == 20)
        second = whole.status()["candidate"]
        whole.judge.failing = 0.5
        await whole.until(lambda: whole.status().get("phase") == "Degraded")
        whole.load.factors[second] = 9
        await whole.minutes(2)
        assert (whole.replicas(first), whole.replicas(second)) == (10, 0)
        assert [entry["revision"] for entry in whole.status()["autoscaling"]] == [first]

    run(test)


def test_a_promoted_version_does_not_shrink_to_what_a_part_of_the_traffic_needed() -> None:
    async def test(whole: Autoscaled) -> None:
        await deployed(whole, cores=7.0, **SLOWLY)
        whole.deploy("2.0.0", **SLOWLY)
        await whole.healthy("2.0.0")
        end = whole.time.now() + 12 * MINUTE
        assert await whole.seen(lambda: whole.stable, lambda: whole.time.now() >= end) == {10}

    run(test)


@pytest.mark.parametrize("downtime", [5.0, 40.0])
def test_a_restart_forgets_no_window_and_does_not_flap(downtime: float) -> None:
    async def test(whole: Autoscaled) -> None:
        await deployed(whole, cores=7.0)
        whole.load.cores["fraud"] = 2.8
        fell = whole.time.now()
        await whole.minutes(2)
        await whole.kill()
        whole.time.advance(downtime)
        await whole.start()
        assert await whole.seen(lambda: whole.stable, lambda: whole.stable == 4) == {10, 4}
        assert 5 * MINUTE <= whole.time.now() - fell <= 5.5 * MINUTE

    run(test)


def test_a_restart_goes_on_with_the_policies_of_behavior() -> None:
    async def test(whole: Autoscaled) -> None:
        up = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}]}
        resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
        autoscaling = {
            "minReplicas": 2,
            "maxReplicas": 20,
            "metrics": [{"type": "Resource", "resource": resource}],
            "behavior": {"scaleUp": up},
        }
        await deployed(whole, cores=1.4, autoscaling=autoscaling)
        whole.load.cores["fraud"] = 7.0
        await whole.minutes(1)
        assert whole.stable == 3
        await whole.kill()
        await whole.start()
        await whole.minutes(3.5)
        assert whole.stable == 3
        await whole.minutes(1.5)
        assert whole.stable == 4

    run(test)


def test_an_outage_of_the_metrics_holds_what_there_is_and_says_why() -> None:
    async def test(whole: Autoscaled) -> None:
        await deployed(whole, cores=7.0)
        whole.load.down = True
        whole.load.cores["fraud"] = 1.4
        await whole.minutes(10)
        assert whole.stable == 10
        active = whole.active()
        assert (active["status"], active["reason"]) == ("False", "FailedGetResourceMetric")
        assert "the server is currently unable to handle the request" in active["message"]
        before = len(whole.server.log)
        await whole.minutes(10)
        assert not calls(whole, before)
        whole.load.down = False
        await whole.minutes(1)
        assert whole.active()["status"] == "True"
        assert whole.stable == 2

    run(test)


def test_where_no_metrics_server_is_cpu_comes_from_cadvisor_and_that_is_said() -> None:
    async def test(whole: Autoscaled) -> None:
        whole.server.aggregated.remove("metrics.k8s.io")
        pods = {}

        def cores(name: str) -> float:
            pods[name] = next(pod for pod in whole.load.pods() if pod["metadata"]["name"] == name)
            return whole.load.used_by(pods[name])

        whole.signals.cpu_of = cores
        await deployed(whole, cores=4.2)
        assert whole.stable == 6
        assert whole.active()["message"].endswith("CPU and memory by Prometheus (cAdvisor)")
        assert whole.told_of(whole.status()["stable"])["source"] == "Prometheus (cAdvisor)"

    run(test)


def in_all_pods(load: Load, waiting: float) -> Callable[[LoadAsked], dict[str, float]]:
    """Requests that wait, shared out evenly among the pods of a version."""

    def by_pod(asked: LoadAsked) -> dict[str, float]:
        pods: list[Object] = load.pods(asked.model, asked.revision)
        return {pod["metadata"]["name"]: waiting / len(pods) for pod in pods}

    return by_pod


def test_replicas_follow_the_queue_of_the_model_server_and_hold_while_it_is_not_known() -> None:
    async def test(whole: Autoscaled) -> None:
        autoscaling = {"minReplicas": 2, "maxReplicas": 20, "scaleUpAbove": {"queueLength": 10}}
        whole.signals.by_pod = in_all_pods(whole.load, 60)
        await deployed(whole, cores=0, autoscaling=autoscaling, server="vllm")
        assert whole.stable == 6
        whole.signals.by_pod = lambda _: {}
        await whole.minutes(10)
        assert whole.stable == 6
        assert whole.active()["reason"] == "FailedGetPrometheusMetric"
        assert "Prometheus cannot be reached" in whole.active()["message"]
        assert not whole.load.asked

    run(test)


def test_replicas_follow_a_query_of_ones_own() -> None:
    async def test(whole: Autoscaled) -> None:
        query = 'sum(rate(x_total{revision="$revision"}[$window]))'
        target = {"type": "AverageValue", "averageValue": "5"}
        autoscaling = {
            "maxReplicas": 20,
            "metrics": [{"type": "Prometheus", "prometheus": {"query": query, "target": target}}],
        }
        whole.signals.values_of = lambda asked: 34.0 if asked.text == query and asked.version == "1.0.0" else None
        await deployed(whole, cores=0, autoscaling=autoscaling)
        assert whole.stable == 7

    run(test)


def test_who_does_not_lead_any_more_forgets_and_asks_nothing_and_who_leads_then_goes_on() -> None:
    async def test(whole: Autoscaled) -> None:
        await deployed(whole, cores=7.0)
        whole.load.cores["fraud"] = 2.8
        fell = whole.time.now()
        await whole.minutes(2)
        assert whole.operator is not None
        whole.operator._stand_by()
        asked = whole.load.asked
        await whole.minutes(1)
        assert whole.load.asked == asked
        assert not whole.operator._autoscaling.scaled
        assert not whole.operator._pods.pulses
        whole.operator._begin()
        await whole.until(lambda: whole.stable == 4)
        assert 5 * MINUTE <= whole.time.now() - fell <= 5.5 * MINUTE

    run(test)


def test_a_change_of_mind_about_the_metrics_is_followed_in_the_next_pass() -> None:
    async def test(whole: Autoscaled) -> None:
        await deployed(whole, cores=4.2)
        whole.deploy("1.0.0", **SPEC | {"autoscaling": {"maxReplicas": 20, "scaleUpAbove": {"cpu": "35%"}}})
        await whole.minutes(0.5)
        assert whole.stable == 12
        whole.deploy("1.0.0", **SPEC | {"autoscaling": {"maxReplicas": 8, "scaleUpAbove": {"cpu": "35%"}}})
        await whole.minutes(0.5)
        assert whole.stable == 8

    run(test)


def test_times_in_the_status_are_those_of_the_passes() -> None:
    async def test(whole: Autoscaled) -> None:
        revision = await deployed(whole, cores=4.2)
        assert parse_time(whole.told_of(revision)["at"]).timestamp() % 15 == 0

    run(test)


def test_a_stable_that_gave_pods_to_the_candidate_is_seen_as_the_whole_that_it_was() -> None:
    async def test(whole: Autoscaled) -> None:
        spec = SLOWLY | {"strategy": STEPS | {"capacity": "Rebalance", "maxSurgeReplicas": 2}}
        first = await deployed(whole, cores=7.0, **spec)
        whole.deploy("2.0.0", **spec)
        await whole.until(lambda: whole.status().get("weight") == 50)
        await whole.minutes(2)
        told = whole.told_of(first)
        assert (whole.replicas(first), told["desired"], told["metrics"][0]["hold"]) == (5, 10, "Tolerance")
        whole.load.cores["fraud"] = 14.0
        await whole.minutes(0.5)
        assert whole.told_of(first)["desired"] == 20

    run(test)


def test_even_who_wants_no_window_sees_no_replicas_fall_with_the_traffic_that_moves() -> None:
    async def test(whole: Autoscaled) -> None:
        resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
        autoscaling = {
            "maxReplicas": 20,
            "metrics": [{"type": "Resource", "resource": resource}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        }
        spec = {**SLOWLY, "autoscaling": autoscaling}
        await deployed(whole, cores=7.0, **spec)
        whole.deploy("2.0.0", **spec)
        end = whole.time.now() + 20 * MINUTE
        seen = await whole.seen(lambda: whole.stable, lambda: whole.time.now() >= end)
        assert (whole.status()["version"], seen) == ("2.0.0", {10})
        whole.load.cores["fraud"] = 3.5
        await whole.minutes(0.5)
        assert whole.stable == 5

    run(test)

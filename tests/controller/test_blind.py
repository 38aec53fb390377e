"""While the API server is away nobody can be seen to be Ready: that time is not counted against anybody."""

import asyncio
from datetime import timedelta

from controller.whole import Whole, whole_operator
from fakes.apiserver import Call, Refuse
from fakes.waiting import until

ATTEMPTS = 2


def looks_at_deployments(call: Call) -> bool:
    return call.plural == "deployments" and call.method == "GET"


def rejected(whole: Whole) -> bool:
    return "rejected" in whole.status()


def test_a_deadline_for_pods_counts_from_when_serin_could_see_them_again() -> None:
    async def test() -> None:
        async with whole_operator() as whole:
            whole.deploy("1")
            await whole.until(lambda: whole.status().get("phase") == "Healthy")
            whole.server.simulation.deployments.enabled = False  # no pod becomes Ready any more
            whole.deploy("2", progressDeadline="60s")
            await whole.until(lambda: len(whole.server.store.all(whole.server.store.kind("deployments"))) == 2)
            began = whole.time.now()
            await whole.pass_until(began + timedelta(seconds=50))
            away = Refuse(503, "ServiceUnavailable")
            before = len(whole.server.log.matching(looks_at_deployments))
            whole.server.faults.add(away, looks_at_deployments, times=ATTEMPTS)
            whole.server.watches.cut()
            await until(lambda: len(whole.server.log.matching(looks_at_deployments)) > before + ATTEMPTS)
            await whole.pass_until(began + timedelta(seconds=100))
            assert not rejected(whole)
            await whole.pass_until(began + timedelta(seconds=120))
            assert rejected(whole)

    asyncio.run(test())

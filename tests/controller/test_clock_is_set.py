"""The machine's clock is set in the middle of a step: the step is as long as it was meant to be.

The seam is `SystemTime`, which takes the clocks that it reads as arguments; the operator around it is the whole one.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from controller.whole import Whole
from fakes.apiserver import FakeApiServer
from fakes.waiting import until
from serin.cluster.client import KubeClient
from serin.cluster.metrics import ClientMetrics
from serin.controller.clock import SystemTime
from serin.controller.operator import Measuring, Operator
from serin.controller.settings import Settings

HOLD = 1.5
MOST = 12.0
"""Seconds that a step may take on a busy machine: of the hour that the clock jumps there is nothing in it."""
STEPS = {"canary": {"steps": [{"weight": 20, "hold": "1.5s"}, {"weight": 50, "hold": "1.5s"}]}}
LEAST = {"interval": "1s", "confirm": 1, "minSamples": 1, "metrics": [{"name": "error-rate", "threshold": "2%"}]}


class SettableClock:
    """The wall clock of a machine whose administrator sets it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@asynccontextmanager
async def operator_by(clock: SettableClock) -> AsyncIterator[Whole]:
    """A whole operator in real time, on a machine with this clock."""
    settings = replace(Settings(), http_address="127.0.0.1", http_port=0)
    async with (
        FakeApiServer() as server,
        KubeClient(server.configuration(), ClientMetrics(CollectorRegistry())) as client,
    ):
        whole = Whole(server, client)
        whole.operator = Operator(
            settings, client, Measuring(whole.judge, whole.signals), CollectorRegistry(), SystemTime(wall=clock)
        )
        running = asyncio.create_task(whole.operator.run())
        await asyncio.wait_for(whole.operator.synced.wait(), 10)
        try:
            yield whole
            await whole.settle()
        finally:
            whole.operator.stop()
            await asyncio.wait_for(running, 20)


@pytest.mark.parametrize("jump", [3600.0, -3600.0], ids=["an hour forward", "an hour back"])
@pytest.mark.parametrize("analysis", [None, LEAST], ids=["by time alone", "analyzed"])
def test_a_step_is_neither_cut_short_nor_prolonged(jump: float, analysis: dict[str, object] | None) -> None:
    async def test() -> None:
        clock = SettableClock()
        async with operator_by(clock) as whole:
            whole.deploy("1", analysis=analysis, strategy=STEPS)
            await until(lambda: healthy(whole, "1"), seconds=20)
            whole.deploy("2", analysis=analysis, strategy=STEPS)
            await until(lambda: weight(whole, "2") == 20, seconds=20)
            began = time.monotonic()
            await asyncio.sleep(HOLD / 3)
            clock.ahead = jump
            touch(whole)
            await until(lambda: weight(whole, "2") == 50, seconds=20)
            took = time.monotonic() - began
            clock.ahead = 0.0
            await until(lambda: healthy(whole, "2"), seconds=20)
        assert HOLD - 0.1 <= took <= MOST
        assert "rejected" not in whole.status()

    asyncio.run(test())


def healthy(whole: Whole, version: str) -> bool:
    """Whether the version carries all traffic, and nothing is under way."""
    status = whole.status()
    return status.get("phase") == "Healthy" and status["version"] == version


def touch(whole: Whole) -> None:
    """Change something of no account, so that the operator looks at what time it is."""
    present = whole.find("modeldeployments", "fraud")
    assert present is not None
    metadata = {**present["metadata"], "annotations": {"example.com/touched": "yes"}}
    kind = whole.server.store.kind("modeldeployments")
    whole.server.store.update(kind, {**present, "metadata": metadata}, manager="kubectl", status=False)


def weight(whole: Whole, version: str) -> int | None:
    """The weight of a version in the route."""
    revisions = {entry["version"]: entry["revision"] for entry in whole.status().get("revisions", ())}
    return whole.split().get(f"fraud-{revisions.get(version)}")

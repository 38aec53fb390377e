"""An autoscaler of the user's on the ModelDeployment's /scale, and people who use it, too."""

import asyncio
from datetime import timedelta
from typing import Any

from controller.whole import Object, Whole, whole_operator
from fakes.apiserver import Fault
from fakes.apiserver.calls import Call

STEPS = [{"weight": 50, "hold": "5m"}]
SPEC: dict[str, Any] = {
    "replicas": 4,
    "analysis": None,
    "strategy": {"canary": {"steps": STEPS}},
    "rollback": {"keepWarm": "30s", "drain": "5s"},
}


def scale(whole: Whole, replicas: int, manager: str = "kube-controller-manager") -> None:
    """Somebody writes /scale."""
    store = whole.server.store
    kind = store.kind("modeldeployments")
    present = store.get(kind, ("ml", "fraud"))
    changed = {**present, "spec": {**present["spec"], "replicas": replicas}}
    store.update(kind, changed, manager=manager, subresource="scale")


def pods(whole: Whole) -> dict[str, int]:
    """How many pods each version is meant to have."""
    store = whole.server.store
    deployments: list[Object] = [item["spec"] for item in store.all(store.kind("deployments"))]
    images = [spec["template"]["spec"]["containers"][0]["image"].rpartition(":")[2] for spec in deployments]
    return {image: spec["replicas"] for image, spec in zip(images, deployments, strict=True) if spec["replicas"]}


def is_scale(call: Call) -> bool:
    """Whether Serin writes /scale."""
    return call.plural == "modeldeployments" and call.subresource == "scale"


class _Meanwhile(Fault):
    """The autoscaler writes just before Serin does."""

    def __init__(self, whole: Whole) -> None:
        self._whole = whole

    async def before(self, call: Call) -> None:
        """Write."""
        scale(self._whole, 9)


async def begin(whole: Whole) -> None:
    """Version 1.0.0 serves, and version 2.0.0 has half of the traffic."""
    whole.deploy("1.0.0", **SPEC)
    await whole.until(lambda: whole.status().get("phase") == "Healthy")
    scale(whole, 5)
    await whole.until(lambda: pods(whole) == {"1.0.0": 5})
    whole.deploy("2.0.0", **{**SPEC, "replicas": 5})
    await whole.until(lambda: whole.status().get("weight") == 50)
    await whole.pass_until(whole.time.now() + timedelta(seconds=70))


def test_it_neither_starves_stable_nor_shrinks_what_is_promoted_and_is_told_once() -> None:
    async def story() -> None:
        async with whole_operator() as whole:
            await begin(whole)
            scale(whole, 3)
            await whole.settle()
            assert pods(whole) == {"1.0.0": 5, "2.0.0": 3}
            await whole.until(lambda: whole.status().get("version") == "2.0.0")
            await whole.pass_until(whole.time.now() + timedelta(minutes=5))
            assert pods(whole) == {"2.0.0": 5}
            assert (whole.find("modeldeployments", "fraud") or {})["spec"]["replicas"] == 5
            assert [call.method for call in whole.server.log if is_scale(call)] == ["PATCH"]
            scale(whole, 4)
            await whole.settle()
            assert pods(whole) == {"2.0.0": 4}

    asyncio.run(story())


def test_a_person_who_scales_is_heard_at_once() -> None:
    async def story() -> None:
        async with whole_operator() as whole:
            await begin(whole)
            for replicas in (8, 4):
                scale(whole, replicas, manager="kubectl")
                await whole.settle()
                assert pods(whole) == {"1.0.0": replicas, "2.0.0": replicas // 2}
            await whole.until(lambda: whole.status().get("version") == "2.0.0")
            await whole.pass_until(whole.time.now() + timedelta(minutes=5))
            assert pods(whole) == {"2.0.0": 4}
            assert not any(is_scale(call) for call in whole.server.log)

    asyncio.run(story())


def test_it_comes_in_between_while_it_is_told() -> None:
    """What it writes a moment before Serin does is not written over unseen."""

    async def story() -> None:
        async with whole_operator() as whole:
            await begin(whole)
            scale(whole, 3)
            await whole.settle()

            whole.server.faults.add(_Meanwhile(whole), is_scale)
            await whole.until(lambda: whole.status().get("version") == "2.0.0")
            await whole.pass_until(whole.time.now() + timedelta(minutes=5))
            assert pods(whole) == {"2.0.0": 9}
            assert [call.status for call in whole.server.log if is_scale(call)] == [409]

    asyncio.run(story())

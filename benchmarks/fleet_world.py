"""What stands around the operator in `fleet.py`, as a process of its own: a Gateway's controller and a Prometheus.

It accepts every HTTPRoute at once. It answers every batched query as a real Prometheus would: for the series that the
query's selectors match, one sample a step; requests follow the weights that the route had at that time, every version
is good. `/facts` tells what it was asked, and when each route had which weights.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections import defaultdict
from functools import lru_cache
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from serin.api.children import model_in
from serin.cluster.client import KubeClient, Object
from serin.cluster.connect import load_configuration
from serin.cluster.errors import ApiError
from serin.cluster.metrics import ClientMetrics
from serin.cluster.reflector import Reflector
from serin.cluster.resources import HTTP_ROUTE, ObjectKey
from serin.metrics.preset import Preset, load_preset
from serin.metrics.signals import Signal, source

REQUESTS_A_SECOND = 100.0
EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CONTROLLER = "serin.dev/benchmark"
_MATCHER = re.compile(r'(\w+)=~"((?:[^"\\]|\\.)*)"')

Weights = tuple[tuple[str, int], ...]
Labels = tuple[tuple[str, str], ...]


class World:
    """Routes with their past, and the queries so far."""

    def __init__(self, client: KubeClient, query_delay: float) -> None:
        self._client = client
        self._delay = query_delay
        self._preset = load_preset("contract")
        self.weights: dict[ObjectKey, list[tuple[float, Weights]]] = defaultdict(list)
        self.queries = 0
        self.lags: list[float] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def route_changed(self, key: ObjectKey, route: Object | None) -> None:
        """Note the weights, and accept the route unless that is done."""
        if route is None:
            self.weights.pop(key, None)
            return
        weights = tuple(
            (ref["name"], ref.get("weight", 1)) for rule in route["spec"]["rules"] for ref in rule["backendRefs"]
        )
        past = self.weights[key]
        if not past or past[-1][1] != weights:
            past.append((time.time(), weights))
        told = [
            entry["conditions"][0]["observedGeneration"] for entry in (route.get("status") or {}).get("parents") or ()
        ]
        if told != [route["metadata"]["generation"]]:
            task = asyncio.create_task(self._accept(key, route))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _accept(self, key: ObjectKey, route: Object) -> None:
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": kind,
                "message": "",
                "observedGeneration": route["metadata"]["generation"],
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parent = {"parentRef": route["spec"]["parentRefs"][0], "controllerName": CONTROLLER, "conditions": conditions}
        patch = {"status": {"parents": [parent]}}
        try:
            await self._client.merge_patch(HTTP_ROUTE, key.namespace, key.name, patch, subresource="status")
        except ApiError as error:
            print(error, file=sys.stderr)

    async def query_range(self, request: web.Request) -> web.Response:
        """What Prometheus' endpoint of the same name answers."""
        expression, end = request.query["query"], float(request.query["end"])
        start, step = float(request.query["start"]), _seconds(request.query["step"])
        self.queries += 1
        self.lags.append(time.time() - end - self._delay)
        times = [start + number * step for number in range(round((end - start) / step) + 1)]
        matchers = _matchers(expression)
        result = [
            {"metric": dict(labels), "values": values}
            for key in self.weights
            for labels, values in self._series(key, expression, matchers, times, step)
        ]
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": result}})

    def _series(
        self, key: ObjectKey, expression: str, matchers: dict[str, "re.Pattern[str]"], times: list[float], step: float
    ) -> list[tuple[dict[str, str], list[tuple[float, str]]]]:
        found = []
        for backend in self._backends(key):
            model = model_in(backend) or key.name
            identity = self._preset.identity(
                {"namespace": key.namespace, "model": model, "revision": backend.rpartition("-")[2], "port": "80"}
            )
            labels = dict(zip(self._preset.label_names, identity, strict=True))
            if not all(pattern.fullmatch(labels.get(name, "")) for name, pattern in matchers.items()):
                continue
            counts = [(at, self._requests(key, backend, at, step)) for at in times]
            for cell, share in _cells(expression, self._preset):
                found.append(({**labels, **cell}, [(at, f"{count * share:g}") for at, count in counts]))
        return found

    def _backends(self, key: ObjectKey) -> set[str]:
        """Those that have, or lately had, a place in the route: Prometheus remembers them for a while."""
        return {name for _, weights in self.weights[key][-3:] for name, _ in weights}

    def _requests(self, key: ObjectKey, backend: str, at: float, step: float) -> float:
        then: Weights = ()
        for since, weights in self.weights[key]:
            if since > at:
                break
            then = weights
        return REQUESTS_A_SECOND * step * dict(then).get(backend, 0) / 100

    def facts(self) -> dict[str, Any]:
        """What was seen so far."""
        routes = {str(key): past for key, past in self.weights.items()}
        return {"queries": self.queries, "lags": self.lags, "routes": routes}


def _cells(expression: str, preset: Preset) -> list[tuple[dict[str, str], float]]:
    """The labels beyond the revision's, and the share of the requests that each counts."""
    if source(Signal.LATENCY, preset).metrics[0] in expression:
        below = [({"le": f"{edge:g}"}, min(1.0, 0.995 if edge >= 0.1 else edge * 9)) for edge in EDGES]
        return [*below, ({"le": "+Inf"}, 1.0)]
    outcomes = source(Signal.OUTCOMES, preset)
    if outcomes.metrics[0] in expression:
        names = outcomes.labels
        return [
            (dict(zip(names, pair, strict=True)), share)
            for pair, share in (("yy", 0.5), ("nn", 0.4), ("yn", 0.05), ("ny", 0.05))
        ]
    (outcome,) = preset.requests.labels
    return [({outcome: "success"}, 0.999), ({outcome: "error"}, 0.001)]


@lru_cache(maxsize=256)
def _matchers(expression: str) -> dict[str, "re.Pattern[str]"]:
    return {
        name: re.compile(pattern.replace("\\\\", "\\"))
        for name, pattern in _MATCHER.findall(expression)
        if name != "le"
    }


def _seconds(text: str) -> float:
    return float(text[:-2]) / 1000 if text.endswith("ms") else float(text.removesuffix("s"))


async def _run(kubeconfig: str, port: int, query_delay: float) -> None:
    async with KubeClient(await load_configuration(kubeconfig), ClientMetrics(CollectorRegistry())) as client:
        world = World(client, query_delay)
        application = web.Application()
        application.router.add_get("/api/v1/query_range", world.query_range)

        async def facts(_: web.Request) -> web.Response:
            return web.json_response(world.facts(), dumps=json.dumps)

        application.router.add_get("/facts", facts)
        # A query stands in the URL, and Prometheus reads a longer one than aiohttp does by itself.
        runner = web.AppRunner(application, access_log=None, max_line_size=1_000_000)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await Reflector(client, HTTP_ROUTE, on_change=world.route_changed).run()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--query-delay", type=float, default=1.0)
    options = parser.parse_args()
    asyncio.run(_run(options.kubeconfig, options.port, options.query_delay))


if __name__ == "__main__":
    main()

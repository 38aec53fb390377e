"""The load generator against a gateway on loopback: its bounds, and what it makes of failures."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.ledger import Account, Ledger
from demo.load import Load, LoadGenerator, Samples

Handler = Callable[[web.Request], Awaitable[web.Response]]

SAMPLES = Samples(images=((0,) * 64, (1,) * 64), labels=(4, 5))


@asynccontextmanager
async def gateway(predict: Handler) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Serve a model that answers by `predict`, and a joiner that keeps what it is told."""
    outcomes: list[dict[str, Any]] = []

    async def outcome(request: web.Request) -> web.Response:
        assert request.host == "outcomes.example"
        outcomes.append(await request.json())
        return web.Response(status=204)

    application = web.Application()
    application.router.add_post("/predict", predict)
    application.router.add_post("/outcome", outcome)
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/"), outcomes


async def run(predict: Handler, **bounds: Any) -> tuple[Account, list[dict[str, Any]], LoadGenerator]:
    ledger = Ledger(slow_after=0.25)
    async with gateway(predict) as (url, outcomes):
        load = Load(url, "digits.example", url, "outcomes.example", label_delay=(0.0, 0.01), **bounds)
        generator = LoadGenerator(load, SAMPLES, ledger)
        await generator.run()
    return ledger.account(time.monotonic()), outcomes, generator


def answer(*, version: str) -> web.Response:
    return web.json_response({"prediction": 4, "prediction_id": "id"}, headers={"X-Serin-Version": version})


async def says_four(request: web.Request) -> web.Response:
    assert request.host == "digits.example"
    await request.json()
    return answer(version="1.0.0")


def test_it_stops_at_its_count_and_tells_the_label_of_every_prediction() -> None:
    account, outcomes, generator = asyncio.run(run(says_four, rate=500, requests_at_most=40))
    version = account.version("1.0.0")
    assert (account.requests, account.lost, version.labelled) == (40, 0, 40)
    assert len(outcomes) == 40
    assert {outcome["actual"] for outcome in outcomes} == {4, 5}
    assert 0 < version.wrong < 40
    assert generator.labels_refused == 0


def test_it_stops_at_its_time() -> None:
    account, _, _ = asyncio.run(run(says_four, rate=100, seconds_at_most=0.2))
    assert 0 < account.requests < 30


def test_it_keeps_its_rate_while_answers_are_slow() -> None:
    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.json_response({"prediction": 4, "prediction_id": "id"}, headers={"X-Serin-Version": "4.0.0"})

    account, _, _ = asyncio.run(run(slow, rate=100, seconds_at_most=0.5))
    assert account.requests > 2, "one after the other only two would have been answered"
    assert account.version("4.0.0").slow == account.requests


def test_it_stops_when_told() -> None:
    async def scenario() -> Account:
        async with gateway(says_four) as (url, _):
            ledger = Ledger(slow_after=0.25)
            generator = LoadGenerator(Load(url, "digits.example", url, "outcomes.example"), SAMPLES, ledger)
            generator.stop()
            await asyncio.wait_for(generator.run(), 2)
            return ledger.account(time.monotonic())

    assert asyncio.run(scenario()).requests == 0


def test_a_models_500_is_its_own_and_a_gateways_503_is_a_loss() -> None:
    async def fails(request: web.Request) -> web.Response:
        if (await request.json())["features"][0]:
            return web.Response(status=500, headers={"X-Serin-Version": "5.0.0"})
        return web.Response(status=503, text="no healthy upstream")

    account, outcomes, _ = asyncio.run(run(fails, rate=500, requests_at_most=40))
    errors = account.version("5.0.0").errors
    assert 0 < errors < 40
    assert account.lost == 40 - errors
    assert account.losses[0] == "status 503 from the gateway: no healthy upstream"
    assert outcomes == []


def test_a_refused_connection_is_a_loss() -> None:
    async def scenario() -> Account:
        ledger = Ledger(slow_after=0.25)
        load = Load("http://127.0.0.1:1", "a", "http://127.0.0.1:1", "b", rate=100, requests_at_most=3)
        await LoadGenerator(load, SAMPLES, ledger).run()
        return ledger.account(time.monotonic())

    account = asyncio.run(scenario())
    assert (account.requests, account.lost) == (3, 3)
    assert "ConnectorError" in account.losses[0]

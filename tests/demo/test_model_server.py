"""The model server answers, counts, and marks every answer with who gave it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from digits.model import Model
from digits.prediction_id import PredictionId
from digits.running import STOPPING
from digits.server import create_server
from digits.settings import ServerSettings, SettingsError
from digits.training import recipes, split_digits, train

Client = TestClient[web.Request, web.Application]
Conversation = Callable[[Client], Awaitable[Any]]

KEY = b"sixteen letters or more"
ENVIRONMENT = {
    "SERIN_MODEL_NAME": "digits",
    "SERIN_MODEL_VERSION": "2.0.0",
    "SERIN_MODEL_URI": "file:///models/digits-v2.joblib",
    "SERIN_REVISION": "5c9d7f4b6d",
    "DEMO_SIGNING_KEY": KEY.decode(),
}
SPLIT = split_digits()
IMAGE = [int(value) for value in SPLIT.held_out_images[0]]
LABEL = int(SPLIT.held_out_labels[0])


@pytest.fixture(scope="module")
def model() -> Model:
    artifact = train(recipes()[1], SPLIT, trained_at=12.5)
    return Model(artifact["estimator"], artifact["pixels"], artifact["trained_at"], artifact["data_cutoff"])


def talk(model: Model, conversation: Conversation, **extra: str) -> tuple[Any, str]:
    """Hold a conversation with a server; returns the conversation's result and the metrics after it."""

    async def scenario() -> tuple[Any, str]:
        server = create_server(ServerSettings.from_environment(ENVIRONMENT | extra), model)
        async with TestClient(TestServer(server)) as client:
            result = await conversation(client)
            return result, await (await client.get("/metrics")).text()

    return asyncio.run(scenario())


async def ask(client: Client, body: object = None) -> tuple[int, dict[str, str], dict[str, Any]]:
    response = await client.post("/predict", json={"features": IMAGE} if body is None else body)
    return response.status, dict(response.headers), await response.json()


def test_a_prediction_is_right_and_says_who_made_it(model: Model) -> None:
    (status, headers, answer), metrics = talk(model, ask)
    assert (status, answer["prediction"]) == (200, LABEL)
    assert headers["X-Serin-Version"] == answer["version"] == "2.0.0"
    assert headers["X-Serin-Revision"] == answer["revision"] == "5c9d7f4b6d"
    assert 'model_request_total{outcome="success"} 1.0' in metrics
    assert f'model_prediction_total{{class="{LABEL}"}} 1.0' in metrics


def test_the_prediction_id_carries_revision_and_class(model: Model) -> None:
    (_, _, answer), _ = talk(model, ask)
    prediction = PredictionId.decode(answer["prediction_id"], KEY)
    assert (prediction.model, prediction.revision, prediction.predicted) == ("digits", "5c9d7f4b6d", LABEL)


def test_every_outcome_is_a_series_from_the_start_so_that_a_first_error_is_an_increase(model: Model) -> None:
    async def nothing(_client: Client) -> None:
        pass

    _, metrics = talk(model, nothing)
    for outcome in ("success", "error", "rejected"):
        assert f'model_request_total{{outcome="{outcome}"}} 0.0' in metrics
    assert "model_trained_timestamp_seconds 12.5" in metrics
    assert "_created" not in metrics


@pytest.mark.parametrize(
    "body",
    [{}, [], {"features": IMAGE[:-1]}, {"features": [*IMAGE[:-1], "7"]}, {"features": [*IMAGE[:-1], 17]}],
)
def test_what_is_no_image_is_rejected_and_is_not_the_models_error(model: Model, body: object) -> None:
    (status, headers, answer), metrics = talk(model, lambda client: ask(client, body))
    assert status == 400
    assert "expected" in answer["error"] or "must be" in answer["error"]
    assert headers["X-Serin-Version"] == "2.0.0"
    assert 'model_request_total{outcome="rejected"} 1.0' in metrics
    assert 'model_request_total{outcome="error"} 0.0' in metrics


def test_what_is_no_json_is_rejected(model: Model) -> None:
    async def send(client: Client) -> int:
        return (await client.post("/predict", data=b"\xff{")).status

    status, metrics = talk(model, send)
    assert status == 400
    assert 'outcome="rejected"} 1.0' in metrics


def test_a_failing_release_answers_500_and_still_says_who_it_is(model: Model) -> None:
    (status, headers, _), metrics = talk(model, ask, DEMO_ERROR_RATE="1")
    assert (status, headers["X-Serin-Version"]) == (500, "2.0.0")
    assert 'model_request_total{outcome="error"} 1.0' in metrics
    assert "model_request_duration_seconds_count 1.0" in metrics


def test_a_failing_release_fails_as_often_as_it_is_told(model: Model) -> None:
    async def many(client: Client) -> list[int]:
        return [(await ask(client))[0] for _ in range(300)]

    statuses, _ = talk(model, many, DEMO_ERROR_RATE="0.2")
    assert 35 < statuses.count(500) < 90


def test_a_slow_release_is_seen_at_the_bucket_of_the_objective(model: Model) -> None:
    _, metrics = talk(model, ask, DEMO_EXTRA_LATENCY_SECONDS="0.26")
    assert 'model_request_duration_seconds_bucket{le="0.25"} 0.0' in metrics
    assert 'model_request_duration_seconds_bucket{le="+Inf"} 1.0' in metrics


def test_a_quick_answer_is_below_the_objective(model: Model) -> None:
    _, metrics = talk(model, ask)
    assert 'model_request_duration_seconds_bucket{le="0.25"} 1.0' in metrics


def test_a_pod_that_is_asked_to_stop_is_not_ready_and_still_answers(model: Model) -> None:
    async def stop(client: Client) -> tuple[int, int, int]:
        ready = (await client.get("/readyz")).status
        client.app[STOPPING].set()
        return ready, (await client.get("/readyz")).status, (await ask(client))[0]

    assert talk(model, stop)[0] == (200, 503, 200)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"SERIN_REVISION": ""}, "SERIN_REVISION is not set"),
        ({"DEMO_SIGNING_KEY": "short"}, "DEMO_SIGNING_KEY has 5 characters, expected 16 or more"),
        ({"DEMO_ERROR_RATE": "often"}, "DEMO_ERROR_RATE is 'often', expected a number such as 0.2"),
        ({"DEMO_ERROR_RATE": "nan"}, "DEMO_ERROR_RATE is nan, expected a number from 0 to 1"),
        ({"DEMO_EXTRA_LATENCY_SECONDS": "-1"}, "DEMO_EXTRA_LATENCY_SECONDS is -1, expected"),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ServerSettings.from_environment(ENVIRONMENT | change)


@pytest.mark.parametrize("uri", ["s3://bucket/model", "file://host/model", "file:///no/such/model.joblib"])
def test_a_model_that_cannot_be_loaded_is_named(uri: str) -> None:
    with pytest.raises(SettingsError, match="SERIN_MODEL_URI"):
        Model.load(uri)

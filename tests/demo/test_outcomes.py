"""The joiner counts a label for the revision that predicted, once, and no forged one."""

import asyncio

import pytest
from aiohttp.test_utils import TestClient, TestServer

from digits.outcomes import RecentlySeen, create_joiner
from digits.prediction_id import PredictionId, PredictionIdError
from digits.settings import OutcomeSettings

KEY = b"sixteen letters or more"


def prediction(revision: str = "8f21c0a97e", predicted: int = 3) -> str:
    identity = PredictionId.new(model="digits", revision=revision, predicted=predicted, predicted_at=0.0)
    return identity.encode(KEY)


def tell(*bodies: object) -> tuple[list[int], str]:
    """Send outcomes; returns the statuses and the metrics after them."""

    async def scenario() -> tuple[list[int], str]:
        async with TestClient(TestServer(create_joiner(OutcomeSettings(KEY)))) as client:
            statuses = [(await client.post("/outcome", json=body)).status for body in bodies]
            return statuses, await (await client.get("/metrics")).text()

    return asyncio.run(scenario())


def counted(revision: str, predicted: int, actual: int) -> str:
    return (
        f'model_outcome_total{{actual="{actual}",predicted="{predicted}",'
        f'serin_model="digits",serin_revision="{revision}"}} 1.0'
    )


def test_labels_are_counted_for_the_revision_that_predicted() -> None:
    statuses, metrics = tell(
        {"prediction_id": prediction("8f21c0a97e", 3), "actual": 3},
        {"prediction_id": prediction("5c9d7f4b6d", 3), "actual": 8},
    )
    assert statuses == [204, 204]
    assert counted("8f21c0a97e", 3, 3) in metrics
    assert counted("5c9d7f4b6d", 3, 8) in metrics
    assert 'model_outcome_lag_seconds_count{serin_model="digits",serin_revision="8f21c0a97e"} 1.0' in metrics


def test_a_label_that_comes_twice_is_counted_once() -> None:
    body = {"prediction_id": prediction(predicted=4), "actual": 4}
    statuses, metrics = tell(body, body)
    assert statuses == [204, 409]
    assert counted("8f21c0a97e", 4, 4) in metrics
    assert 'outcome_refused_total{reason="duplicate"} 1.0' in metrics


def forged() -> str:
    return prediction("8f21c0a97e").replace("8f21c0a97e", "5c9d7f4b6d")


@pytest.mark.parametrize(
    "body",
    [
        {"prediction_id": forged(), "actual": 3},
        {"prediction_id": "", "actual": 3},
        {"prediction_id": "é~ü", "actual": 3},
        {"prediction_id": prediction(), "actual": 10},
        {"prediction_id": prediction(), "actual": True},
        {"prediction_id": prediction()},
        [],
    ],
)
def test_a_forged_or_malformed_outcome_is_refused_and_counts_for_nobody(body: object) -> None:
    statuses, metrics = tell(body)
    assert statuses == [400]
    assert "model_outcome_total{" not in metrics
    assert 'outcome_refused_total{reason="invalid"} 1.0' in metrics


def test_an_id_survives_the_way_to_the_client_and_back() -> None:
    identity = PredictionId.new(model="digits", revision="abc", predicted=7, predicted_at=1234.567)
    assert PredictionId.decode(identity.encode(KEY), KEY) == identity


def test_an_id_of_another_key_is_refused() -> None:
    with pytest.raises(PredictionIdError):
        PredictionId.decode(prediction(), b"another key of sixteen letters")


def test_only_the_latest_texts_are_remembered() -> None:
    seen = RecentlySeen(capacity=2)
    assert [seen.add(text) for text in "abcb"] == [True, True, True, False]
    assert seen.add("a")

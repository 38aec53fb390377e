"""The model server: predictions over HTTP, each with an id by which its true label can be told later."""

import asyncio
import random
import time

from aiohttp import web

from digits.endpoints import add_endpoints
from digits.metrics import ServerMetrics
from digits.model import Model, parse_features
from digits.prediction_id import PredictionId
from digits.settings import ServerSettings

SETTINGS = web.AppKey("settings", ServerSettings)
MODEL = web.AppKey("model", Model)
METRICS = web.AppKey("metrics", ServerMetrics)
LUCK = web.AppKey("luck", random.Random)


class PredictionError(Exception):
    """The model cannot answer this request: the bug that a bad release brings."""


def create_server(settings: ServerSettings, model: Model) -> web.Application:
    """Build the application around a model that is loaded and warm."""
    application = web.Application()
    application[SETTINGS] = settings
    application[MODEL] = model
    application[METRICS] = metrics = ServerMetrics()
    application[LUCK] = random.Random(settings.revision)
    metrics.trained.set(model.trained_at)
    metrics.data_cutoff.set(model.data_cutoff)
    metrics.loaded.set(time.time())
    application.on_response_prepare.append(say_who_answers)
    application.router.add_post("/predict", predict)
    add_endpoints(application, metrics.registry)
    return application


async def say_who_answers(request: web.Request, response: web.StreamResponse) -> None:
    """Mark every answer, errors included, with the version and revision that gave it."""
    settings = request.app[SETTINGS]
    response.headers["X-Serin-Version"] = settings.model_version
    response.headers["X-Serin-Revision"] = settings.revision


async def predict(request: web.Request) -> web.Response:
    """Answer one prediction and count it, whatever becomes of it."""
    started = time.perf_counter()
    outcome = "error"
    try:
        features = parse_features(await request.json())
        answer = await predict_digit(request.app, features)
        outcome = "success"
        return web.json_response(answer)
    except ValueError as error:  # not JSON, or not an image
        outcome = "rejected"
        return web.json_response({"error": str(error)}, status=400)
    except PredictionError as error:
        return web.json_response({"error": str(error)}, status=500)
    finally:
        request.app[METRICS].answered(outcome, time.perf_counter() - started)


async def predict_digit(application: web.Application, features: list[float]) -> dict[str, object]:
    """Predict and give the prediction its id. Raises PredictionError as often as `error_rate` says."""
    settings = application[SETTINGS]
    if settings.extra_latency:
        await asyncio.sleep(settings.extra_latency)
    if application[LUCK].random() < settings.error_rate:
        raise PredictionError("the preprocessing of this release cannot handle the image")
    digit = application[MODEL].predict(features)
    application[METRICS].predicted(digit)
    prediction = PredictionId.new(
        model=settings.model_name, revision=settings.revision, predicted=digit, predicted_at=time.time()
    )
    return {
        "prediction": digit,
        "prediction_id": prediction.encode(settings.signing_key),
        "version": settings.model_version,
        "revision": settings.revision,
    }

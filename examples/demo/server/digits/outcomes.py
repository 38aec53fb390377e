"""The joiner: takes true labels and counts them for the revision that made the prediction.

It is a server of its own, not a part of the model's. Labels come late, through a gateway that may pick a
pod of any revision, and Prometheus puts a pod's own revision on all of its series; a pod that belongs to
no revision may say itself for whom it counts.
"""

import time
from collections import OrderedDict

from aiohttp import web

from digits.endpoints import add_endpoints
from digits.metrics import DIGITS, OutcomeMetrics
from digits.prediction_id import PredictionId
from digits.settings import OutcomeSettings

# Enough for ten minutes at some hundreds of labels a second; older duplicates would count twice.
REMEMBERED = 200_000


class OutcomeError(ValueError):
    """The request's JSON is no outcome."""


class RecentlySeen:
    """The last `capacity` texts: a label that a client sends twice is counted once."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        """Remember nothing yet."""
        self._capacity = capacity
        self._seen: OrderedDict[str, None] = OrderedDict()

    def add(self, text: str) -> bool:
        """Remember the text; return whether it is new."""
        if text in self._seen:
            return False
        self._seen[text] = None
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)
        return True


SETTINGS = web.AppKey("settings", OutcomeSettings)
METRICS = web.AppKey("metrics", OutcomeMetrics)
SEEN = web.AppKey("seen", RecentlySeen)


def create_joiner(settings: OutcomeSettings) -> web.Application:
    """Build the application."""
    application = web.Application()
    application[SETTINGS] = settings
    application[METRICS] = metrics = OutcomeMetrics()
    application[SEEN] = RecentlySeen()
    application.router.add_post("/outcome", take_outcome)
    add_endpoints(application, metrics.registry)
    return application


async def take_outcome(request: web.Request) -> web.Response:
    """Count one true label: `{"prediction_id": …, "actual": 7}`."""
    metrics = request.app[METRICS]
    try:
        text, actual = parse_outcome(await request.json())
        prediction = PredictionId.decode(text, request.app[SETTINGS].signing_key)
    except ValueError as error:
        metrics.refusals.labels("invalid").inc()
        return web.json_response({"error": str(error)}, status=400)
    if not request.app[SEEN].add(prediction.nonce):
        metrics.refusals.labels("duplicate").inc()
        return web.json_response({"error": "this prediction has its label already"}, status=409)
    metrics.outcomes.labels(prediction.model, prediction.revision, str(prediction.predicted), str(actual)).inc()
    lag = max(0.0, time.time() - prediction.predicted_at)
    metrics.lags.labels(prediction.model, prediction.revision).observe(lag)
    return web.Response(status=204)


def parse_outcome(document: object) -> tuple[str, int]:
    """Take the prediction id and the true digit out of a request's JSON."""
    fields = document if isinstance(document, dict) else {}
    text, actual = fields.get("prediction_id"), fields.get("actual")
    if not isinstance(text, str) or type(actual) is not int or actual not in DIGITS:
        raise OutcomeError("expected {'prediction_id': text, 'actual': a digit from 0 to 9}")
    return text, actual

"""The users of the demo: a steady stream of images through the gateway, and true labels a little later."""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from demo.ledger import Answer, Ledger, Reply

REQUEST_TIMEOUT_SECONDS = 5.0
IN_FLIGHT_AT_MOST = 150
FIRST_ANSWER_SECONDS = 10.0
VERSION_HEADER = "X-Serin-Version"


@dataclass(frozen=True)
class Samples:
    """Images that no model was trained on, and the digits that they show."""

    images: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]

    @classmethod
    def read(cls, path: Path) -> "Samples":
        """Read `held-out.json` as the training wrote it."""
        document = json.loads(path.read_text())
        return cls(tuple(tuple(image) for image in document["images"]), tuple(document["labels"]))


@dataclass(frozen=True)
class Load:
    """How much, and for how long at most: a demo that hangs must not go on sending.

    `rate` is in requests a second at the beginning, `label_delay` the bounds between which labels come, in seconds.
    """

    model_url: str
    model_host: str
    outcome_url: str
    outcome_host: str
    rate: float = 60.0
    requests_at_most: int = 40_000
    seconds_at_most: float = 900.0
    label_delay: tuple[float, float] = (1.0, 2.0)


class LoadGenerator:
    """Sends at a rate until it is stopped or a bound is reached."""

    def __init__(self, load: Load, samples: Samples, ledger: Ledger) -> None:
        """Prepare the requests' bodies; nothing is sent before `run`."""
        self._load = load
        self._ledger = ledger
        self._labels = samples.labels
        self._bodies = tuple(json.dumps({"features": image}).encode() for image in samples.images)
        self._luck = random.Random(11)
        self._stopping = asyncio.Event()
        self.rate = load.rate
        """Requests a second from the next one on."""
        self.labels_refused = 0
        """Labels that the joiner did not take."""

    def stop(self) -> None:
        """Send nothing more; `run` returns when what is under way is answered and labelled."""
        self._stopping.set()

    async def until_carried(self) -> None:
        """Wait until the proxy carries the model's host: Istio tells nobody when it has taken a new route up."""
        headers = {"Host": self._load.model_host, "Content-Type": "application/json"}
        end = time.monotonic() + FIRST_ANSWER_SECONDS
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS)) as session:
            while time.monotonic() < end:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    url = f"{self._load.model_url}/predict"
                    async with session.post(url, data=self._bodies[0], headers=headers) as response:
                        if VERSION_HEADER in response.headers:
                            return
                await asyncio.sleep(0.1)

    async def run(self) -> None:
        """Send requests, each as a task of its own, so that a slow answer delays no other request."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as tasks:
            in_flight: set[asyncio.Task[None]] = set()
            async for sample in self._beats():
                if len(in_flight) >= IN_FLIGHT_AT_MOST:
                    continue
                task = tasks.create_task(self._one(session, tasks, sample))
                in_flight.add(task)
                task.add_done_callback(in_flight.discard)

    async def _beats(self) -> AsyncIterator[int]:
        """Yield a sample at each beat of the rate; beats that were missed are not made up for in a burst."""
        beat = time.monotonic()
        end = beat + self._load.seconds_at_most
        for _ in range(self._load.requests_at_most):
            period = 1 / self.rate
            beat = max(beat + period, time.monotonic() - period)
            if beat > end or await self._stopped_within(beat - time.monotonic()):
                return
            yield self._luck.randrange(len(self._bodies))

    async def _stopped_within(self, seconds: float) -> bool:
        """Wait until the load is stopped or the time is over; return whether it is stopped."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stopping.wait()
        return self._stopping.is_set()

    async def _one(self, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup, sample: int) -> None:
        """Send one image and enter what came of it."""
        started = time.monotonic()
        status, version, answer, problem = None, None, {}, ""
        try:
            async with session.post(
                f"{self._load.model_url}/predict",
                data=self._bodies[sample],
                headers={"Host": self._load.model_host, "Content-Type": "application/json"},
            ) as response:
                status, version = response.status, response.headers.get(VERSION_HEADER)
                if status == 200:
                    answer = await response.json()
                elif version is None:
                    problem = f"status {status} from the gateway: {(await response.text())[:80]}"
        except (aiohttp.ClientError, TimeoutError) as error:
            version, problem = None, f"{type(error).__name__} {error}".strip()
        at = time.monotonic()
        outcome = self._ledger.reply(Reply(at, at - started, status, version, problem))
        if outcome is Answer.SUCCESS and version is not None and answer:
            tasks.create_task(self._label(session, sample, version, answer, at))

    async def _label(
        self, session: aiohttp.ClientSession, sample: int, version: str, answer: dict[str, Any], at: float
    ) -> None:
        """Tell the true label a little later, as a user does who finds out what was right."""
        actual = self._labels[sample]
        await asyncio.sleep(self._luck.uniform(*self._load.label_delay))
        self._ledger.label(version, predicted_at=at, correct=answer["prediction"] == actual)
        try:
            async with session.post(
                f"{self._load.outcome_url}/outcome",
                json={"prediction_id": answer["prediction_id"], "actual": actual},
                headers={"Host": self._load.outcome_host},
            ) as response:
                taken = response.status == 204
        except (aiohttp.ClientError, TimeoutError):
            taken = False
        self.labels_refused += not taken

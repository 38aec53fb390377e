"""What the operator serves: /metrics for Prometheus, /livez and /readyz for the kubelet."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.aiohttp import make_aiohttp_handler

logger = logging.getLogger(__name__)

STUCK_SECONDS = 60.0
BEAT_SECONDS = 1.0


class Heartbeat:
    """Beats while the event loop turns; a loop that is stuck, or as good as stuck, misses its beats."""

    def __init__(self, registry: CollectorRegistry, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Count from now on.

        Args:
            registry: where the gauge goes.
            monotonic: the time, in seconds.
        """
        self._monotonic = monotonic
        self._beaten_at = monotonic()
        self._lag = Gauge(
            "serin_event_loop_lag_seconds", "How late the event loop's last beat came.", registry=registry
        )

    @property
    def age(self) -> float:
        """Seconds since the last beat."""
        return self._monotonic() - self._beaten_at

    def beat(self) -> None:
        """Note that the loop turns."""
        self._lag.set(max(0.0, self.age - BEAT_SECONDS))
        self._beaten_at = self._monotonic()

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self.beat()


class Endpoints:
    """The operator's HTTP server.

    `/livez` fails when one of the tasks that must always run has ended, or the loop misses its beats: a restart helps.
    `/readyz` fails, and names what is missing, until everything that there is has been seen: a restart does not help.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        heartbeat: Heartbeat,
        alive: Callable[[], Mapping[str, bool]],
        ready: Callable[[], Mapping[str, bool]],
    ) -> None:
        """Prepare; `start` listens.

        Args:
            registry: what `/metrics` tells.
            heartbeat: the event loop's.
            alive: by name, whether each task that must always run does.
            ready: by name, whether each cache is complete.
        """
        self._heartbeat = heartbeat
        self._alive = alive
        self._ready = ready
        application = web.Application()
        application.router.add_get("/metrics", make_aiohttp_handler(registry))
        application.router.add_get("/livez", self._livez)
        application.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)

    async def start(self, address: str, port: int) -> int:
        """Listen; returns the port (of use when 0 was asked for).

        Raises:
            OSError: the address or port cannot be had.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, address, port).start()
        bound: int = self._runner.addresses[0][1]
        logger.info("Serving /metrics, /livez and /readyz on %s:%d", address, bound)
        return bound

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _livez(self, _: web.Request) -> web.Response:
        checks = dict(self._alive())
        age = self._heartbeat.age
        checks[f"event loop (last beat {age:.0f} s ago)"] = age < STUCK_SECONDS
        return _report(checks)

    async def _readyz(self, _: web.Request) -> web.Response:
        return _report(self._ready())


def _report(checks: Mapping[str, bool]) -> web.Response:
    """As the API server's own endpoints do it: one line for each check."""
    lines = [f"[{'+' if passed else '-'}] {name}" for name, passed in checks.items()]
    return web.Response(text="\n".join([*lines, ""]), status=200 if all(checks.values()) else 503)

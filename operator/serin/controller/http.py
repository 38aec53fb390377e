"""What the operator serves: /metrics for Prometheus, /livez and /readyz for the kubelet."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.aiohttp import make_aiohttp_handler

from serin.controller.liveness import Check
from serin.controller.settings import Settings, SettingsError

logger = logging.getLogger(__name__)

STUCK_SECONDS = 60.0
BEAT_SECONDS = 1.0


class Heartbeat:
    """Whether the operator lives, and whether it is ready.

    It lives while the event loop turns: a loop that is stuck, or as good as stuck, misses its beats, and a restart
    helps. So it does against what else `checks` look for. It is ready once everything that there is has been seen;
    until then a restart does not help.
    """

    def __init__(
        self, synced: asyncio.Event, checks: Sequence[Check] = (), *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Count from now on.

        Args:
            synced: set once everything has been seen.
            checks: what else a restart helps against.
            monotonic: the time, in seconds.
        """
        self._synced = synced
        self._checks = checks
        self._monotonic = monotonic
        self._beaten_at = monotonic()
        self._lag = 0.0

    @property
    def lag(self) -> float:
        """How many seconds late the last beat came."""
        return self._lag

    def beat(self) -> None:
        """Note that the loop turns, and ask the checks, which may see how long something lasts."""
        now = self._monotonic()
        self._lag = max(0.0, now - self._beaten_at - BEAT_SECONDS)
        self._beaten_at = now
        for check in self._checks:
            check()

    def live(self) -> Mapping[str, bool]:
        """The checks of /livez."""
        age = self._monotonic() - self._beaten_at
        return {
            f"the event loop turns (last beat {age:.0f} s ago)": age < STUCK_SECONDS,
            **dict(check() for check in self._checks),
        }

    def ready(self) -> Mapping[str, bool]:
        """The checks of /readyz."""
        return {"everything that there is has been seen": self._synced.is_set()}

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self.beat()


def tell_lag(registry: CollectorRegistry, heartbeat: Heartbeat) -> None:
    """Have /metrics tell whether one core is enough."""
    lag = Gauge("serin_event_loop_lag_seconds", "How late the event loop's last beat came.", registry=registry)
    lag.set_function(lambda: heartbeat.lag)


async def serve(settings: Settings, registry: CollectorRegistry, heartbeat: Heartbeat) -> None:
    """Serve until cancelled.

    Args:
        settings: the address and port to listen on.
        registry: what /metrics tells.
        heartbeat: what /livez and /readyz tell; it beats from now on.

    Raises:
        SettingsError: the address or port cannot be had.
    """
    tell_lag(registry, heartbeat)
    runner = web.AppRunner(_application(registry, heartbeat), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await _listen(runner, settings)
        await heartbeat.run()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    address, port = settings.http_address, settings.http_port
    try:
        await web.TCPSite(runner, address, port).start()
    except OSError as error:
        raise SettingsError(f"cannot listen on {address}:{port} (http_address, http_port): {error}") from error
    logger.info("Serving /metrics, /livez and /readyz on %s:%d", address, runner.addresses[0][1])


def _application(registry: CollectorRegistry, heartbeat: Heartbeat) -> web.Application:
    async def livez(_: web.Request) -> web.Response:
        return _report(heartbeat.live())

    async def readyz(_: web.Request) -> web.Response:
        return _report(heartbeat.ready())

    application = web.Application()
    application.router.add_get("/metrics", make_aiohttp_handler(registry))
    application.router.add_get("/livez", livez)
    application.router.add_get("/readyz", readyz)
    return application


def _report(checks: Mapping[str, bool]) -> web.Response:
    """As the API server's own endpoints do it: one line for each check."""
    lines = [f"[{'+' if passed else '-'}] {name}" for name, passed in checks.items()]
    return web.Response(text="\n".join([*lines, ""]), status=200 if all(checks.values()) else 503)

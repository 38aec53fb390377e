"""Run an application in a pod: stop without losing a request.

When a pod is deleted, Kubernetes sends SIGTERM and takes the pod out of the endpoints at the same time.
Proxies learn of it a moment later, so a server that closes its socket at once refuses requests that are
still sent to it.
"""

import asyncio
import logging
import signal

from aiohttp import web

STOPPING = web.AppKey("stopping", asyncio.Event)

DRAIN_SECONDS = 4.0
# Longer than the hour for which Envoy keeps an idle connection: the side that sends must be the one that
# closes, else a request meets a connection that is being closed and the client sees a 503.
KEEPALIVE_SECONDS = 2 * 3600.0

logger = logging.getLogger(__name__)


async def run_until_stopped(application: web.Application, *, port: int, drain: float = DRAIN_SECONDS) -> None:
    """Serve until SIGTERM or SIGINT, then answer for `drain` more seconds and end."""
    stopping = application[STOPPING]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=KEEPALIVE_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, "0.0.0.0", port).start()
        logger.info("listening on port %d", port)
        await stopping.wait()
        logger.info("asked to stop: answering for %.0f more seconds", drain)
        await asyncio.sleep(drain)
    finally:
        await runner.cleanup()

"""A small server for the tests of the cluster: says its version, counts what it answered."""

import os

from aiohttp import web

VERSION = os.environ["VERSION"]
served = 0


async def answer(_: web.Request) -> web.Response:
    """Its version."""
    global served  # noqa: PLW0603 — a counter of one process
    served += 1
    return web.Response(text=VERSION)


async def metrics(_: web.Request) -> web.Response:
    """Its counter, as Prometheus reads it."""
    body = f"# TYPE served counter\nserved_total {served}\n"
    return web.Response(body=body.encode(), headers={"Content-Type": "text/plain; version=0.0.4"})


if __name__ == "__main__":
    print(f"serving {VERSION}", flush=True)  # noqa: T201 — the test reads it from the pod's log
    application = web.Application()
    application.router.add_get("/", answer)
    application.router.add_get("/metrics", metrics)
    web.run_app(application, port=8000)

"""A model server for the scenarios: real requests, real counters, and faults that are part of a version.

Only the standard library, so that a pod starts in a tenth of a second. The environment says how good the version is:
ERROR_SHARE of requests answered with 500, LATENCY seconds of waiting, WORK seconds of a processor, ACCURACY of the
predictions, START_DELAY seconds until it is ready, WARM_UP seconds since its start during which every request fails,
LINGER seconds for which it goes on after it was told to stop, SLOTS requests that it serves at once and QUEUE that wait
for that while others are refused with 503 (none is, unless told), and SAYS, a text that it repeats in each answer. A
test inside the cluster may change its mind: /errors/0.5 sets the share of errors, /crash ends it at once.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter

VERSION = os.environ.get("SERIN_MODEL_VERSION", "?")
REVISION = os.environ.get("SERIN_REVISION", "?")
SAYS = os.environ.get("SAYS", "")
ERROR_SHARE = float(os.environ.get("ERROR_SHARE", "0"))
LATENCY = float(os.environ.get("LATENCY", "0"))
WORK = float(os.environ.get("WORK", "0"))
ACCURACY = float(os.environ.get("ACCURACY", "0.95"))
START_DELAY = float(os.environ.get("START_DELAY", "0"))
WARM_UP = float(os.environ.get("WARM_UP", "0"))
LINGER = float(os.environ.get("LINGER", "2"))
SLOTS = int(os.environ.get("SLOTS", "1000000"))
QUEUE = int(os.environ.get("QUEUE", "0"))

EDGES = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0)
requests: Counter[str] = Counter({"success": 0, "error": 0})
buckets: Counter[float] = Counter()
outcomes: Counter[tuple[str, str]] = Counter({("yes", "yes"): 0, ("yes", "no"): 0})
seconds = 0.0
waiting = 0
slots = asyncio.Semaphore(SLOTS)
faults = {"errors": ERROR_SHARE}
started = time.monotonic()


def ready() -> bool:
    return time.monotonic() - started >= START_DELAY


def exposition() -> str:
    lines = ["# TYPE model_request_total counter"]
    lines += [f'model_request_total{{outcome="{outcome}"}} {count}' for outcome, count in requests.items()]
    total = sum(requests.values())
    lines.append("# TYPE model_request_duration_seconds histogram")
    lines += [f'model_request_duration_seconds_bucket{{le="{edge}"}} {buckets[edge]}' for edge in EDGES]
    lines.append(f'model_request_duration_seconds_bucket{{le="+Inf"}} {total}')
    lines.append(f"model_request_duration_seconds_sum {seconds}")
    lines.append(f"model_request_duration_seconds_count {total}")
    lines += ["# TYPE model_requests_waiting gauge", f"model_requests_waiting {waiting}"]
    lines.append("# TYPE model_outcome_total counter")
    lines += [
        f'model_outcome_total{{predicted="{predicted}",actual="{actual}"}} {count}'
        for (predicted, actual), count in outcomes.items()
    ]
    return "\n".join(lines) + "\n"


async def predict() -> tuple[int, str]:
    global waiting  # noqa: PLW0603 - one process, one server
    if slots.locked() and waiting >= QUEUE:
        requests["error"] += 1
        return 503, "too many requests\n"
    began = time.monotonic()
    waiting += 1
    async with slots:
        waiting -= 1
        return await compute(began)


async def compute(began: float) -> tuple[int, str]:
    global seconds  # noqa: PLW0603 - one process, one server
    if LATENCY:
        await asyncio.sleep(LATENCY)
    busy_until = time.process_time() + WORK
    while time.process_time() < busy_until:
        pass
    failed = random.random() < faults["errors"] or time.monotonic() - started < WARM_UP
    took = time.monotonic() - began
    seconds += took
    requests["error" if failed else "success"] += 1
    for edge in EDGES:
        buckets[edge] += took <= edge
    if failed:
        return 500, "the model failed\n"
    outcomes["yes", "yes" if random.random() < ACCURACY else "no"] += 1
    return 200, f"{VERSION} {SAYS}\n"


async def answer(path: str) -> tuple[int, str]:
    if path.startswith("/metrics"):
        return 200, exposition()
    if path.startswith("/readyz"):
        return (200, "ready\n") if ready() else (503, "loading\n")
    if path == "/crash":
        os._exit(1)
    if path.startswith("/errors/"):
        faults["errors"] = float(path.rpartition("/")[2])
        return 200, "so be it\n"
    return await predict()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while line := await reader.readline():
            length = 0
            while (header := await reader.readline()) not in {b"\r\n", b""}:
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if length:
                await reader.readexactly(length)
            status, body = await answer(line.split()[1].decode())
            head = (
                f"HTTP/1.1 {status} {'OK' if status == 200 else 'Error'}\r\nContent-Type: text/plain; version=0.0.4\r\n"
                f"X-Serin-Version: {VERSION}\r\nX-Serin-Revision: {REVISION}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body.encode())
            await writer.drain()
    writer.close()


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.start_server(serve, "0.0.0.0", 8080)
    async with server:
        await stop.wait()
        # Endpoints leave the proxies a moment after the signal; until then requests still come in.
        await asyncio.sleep(LINGER)


asyncio.run(main())

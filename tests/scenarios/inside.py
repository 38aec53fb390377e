"""Requests from inside the cluster, past the gateway: to single pods, or to a Service."""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from localcluster import LocalCluster
from scenarios.stage import NAME, Stage

_VISIT = """
import json, sys, urllib.error, urllib.request
for url in json.loads(sys.argv[1]):
    try:
        urllib.request.urlopen(url, timeout=5).read()
    except (urllib.error.URLError, ConnectionError):
        pass
"""

_STREAM = """
import select, sys, time, urllib.error, urllib.request
url, rate, end = sys.argv[1], float(sys.argv[2]), time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    try:
        urllib.request.urlopen(url, timeout=5).read()
    except (urllib.error.URLError, ConnectionError):
        pass
    if select.select([sys.stdin], [], [], 1 / rate)[0]:
        break  # the end of the input: whoever started this wants no more
"""

_COUNT = """
import select, sys, time, urllib.error, urllib.request
url, rate, end = sys.argv[1], float(sys.argv[2]), time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            print(answer.headers.get("X-Serin-Version", "nobody"), flush=True)
    except (urllib.error.URLError, ConnectionError) as error:
        print(f"lost: {error}", flush=True)
    if select.select([sys.stdin], [], [], 1 / rate)[0]:
        break  # the end of the input: whoever started this wants no more
"""

LONGEST_SECONDS = 60.0


def addresses(stage: Stage, version: str) -> list[str]:
    """The pods of a version, by IP address."""
    pods = stage.api.list("Pod", f"serin.dev/revision={stage.revision(version)}")
    return [pod["status"]["podIP"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def visit_pods(cluster: LocalCluster, stage: Stage, version: str, path: str) -> None:
    """One request to each pod of a version, whatever comes of it."""
    urls = [f"http://{address}:8080{path}" for address in addresses(stage, version)]
    cluster.run_inside([sys.executable, "-c", _VISIT, json.dumps(urls)], check=True, timeout=30)


@contextmanager
def bypass(cluster: LocalCluster, stage: Stage, version: str, *, rate: float) -> Iterator[None]:
    """A client that knows a version's Service and never asks the gateway, while the context lasts.

    rate: about how many requests a second, for a minute at most.
    """
    service = stage.api.get("Service", f"digits-{stage.revision(version)}")
    assert service is not None
    url = f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}/predict"
    command: Sequence[str] = [sys.executable, "-c", _STREAM, url, str(rate), str(LONGEST_SECONDS)]
    with subprocess.Popen(cluster.inside_command(command), stdin=subprocess.PIPE):
        yield


@contextmanager
def clients(cluster: LocalCluster, stage: Stage, *, rate: float) -> Iterator[Callable[[], Counter[str]]]:
    """Clients of the Service that bears the model's name, a new connection for each request, while the context lasts.

    Yields a function that counts the answers so far by the version that gave them, and lost requests by why.

    rate: at most so many requests a second, for a minute at most.
    """
    service = stage.api.get("Service", NAME)
    assert service is not None
    url = f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}/predict"
    command: Sequence[str] = [sys.executable, "-c", _COUNT, url, str(rate), str(LONGEST_SECONDS)]
    with (
        tempfile.NamedTemporaryFile("w") as said,
        subprocess.Popen(cluster.inside_command(command), stdin=subprocess.PIPE, stdout=said),
    ):
        yield lambda: Counter(Path(said.name).read_text().splitlines())

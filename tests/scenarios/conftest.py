"""A real cluster, the real operator as a process, and one namespace for each scenario."""

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from localcluster import LocalCluster
from localcluster.errors import LocalClusterError
from scenarios.api import Api, Object, eventually, session_of
from scenarios.images import MODEL_SERVER
from scenarios.prometheus_proxy import PrometheusProxy
from scenarios.stage import Stage
from serin.audit import Head, verify

HERE = Path(__file__).parent
LEASE_NAMESPACE = "default"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{LEASE_NAMESPACE}/leases/serin-operator"


class OperatorProcess:
    """`python -m serin.controller` against a cluster; may be killed and started again."""

    def __init__(self, cluster: LocalCluster, prometheus_url: str, folder: Path) -> None:
        self._cluster, self._prometheus_url, self._log = cluster, prometheus_url, folder / "operator.log"
        self._port_file = folder / "port"
        self._audit_log = folder / "audit.jsonl"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment that it is started in."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("SERIN_")},
            "SERIN_KUBECONFIG": str(self._cluster.kubeconfig),
            "SERIN_PROMETHEUS_URL": self._prometheus_url,
            "SERIN_HTTP_ADDRESS": "127.0.0.1",
            "SERIN_HTTP_PORT": "0",
            "SERIN_LEADER_ELECTION_NAMESPACE": LEASE_NAMESPACE,
            "SERIN_LOG_FORMAT": "text",
            "SERIN_STATUS_REFRESH": "1s",
            "SERIN_AUDIT_LOG": str(self._audit_log),
        }

    @property
    def command(self) -> list[str]:
        """The command that starts it."""
        return [sys.executable, "-m", "serin.controller"]

    def start(self, *, until: str = "and begins") -> None:
        """Start it, and wait until its log says that it acts, or something else."""
        before = self.log().count(until)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log, cwd=HERE)
        eventually(lambda: self.log().count(until) > before or self._process_ended(), what="the operator's start")

    @property
    def url(self) -> str:
        """Where it serves /metrics, /livez and /readyz."""
        found = re.findall(r"Serving .* on ([0-9.]+:[0-9]+)", self.log())
        return f"http://{found[-1]}"

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: int) -> None:
        """Send it a signal, and do not wait for anything."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it by a signal; returns its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(timeout=30)

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up.

        The Lease that it held is taken away for it: else who starts next waits until that runs out, 15 s.
        """
        self.stop(signal.SIGKILL)
        with suppress(LocalClusterError):  # it held none, or the API server is not there either
            self._cluster.api.delete(LEASE)

    def audit_findings(self, *models: Object) -> list[str]:
        """What is wrong with the audit log, of these ModelDeployments alone and held against their statuses, if any.

        Whose ModelDeployment was another operator's for a while has its chain in two logs.
        """
        chains = {model["metadata"]["uid"]: model["status"]["audit"] for model in models}
        heads = {uid: Head(chain["sequence"], chain["hash"]) for uid, chain in chains.items()}
        with self._audit_log.open("rb") as lines:
            findings = verify({"audit log": lines}, heads).findings
        return [str(finding) for finding in findings if not heads or finding.uid is None or finding.uid in heads]

    def log(self) -> str:
        """All that it logged."""
        return self._log.read_text() if self._log.exists() else ""

    def tail(self) -> str:
        """The end of the log."""
        return "\n".join(self.log().splitlines()[-40:])

    def _process_ended(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"the operator ended at its start:\n{self.tail()}")
        return False


@pytest.fixture(scope="session")
def _proxy(cluster: LocalCluster) -> Iterator[PrometheusProxy]:
    with PrometheusProxy(cluster.prometheus_url) as proxy:
        yield proxy


@pytest.fixture
def prometheus(_proxy: PrometheusProxy) -> Iterator[PrometheusProxy]:
    """Prometheus as the operator reaches it; what a test spoils is well again afterwards."""
    yield _proxy
    _proxy.wrong = None


@pytest.fixture(scope="session")
def operator(
    cluster: LocalCluster,
    installed: Callable[..., str],
    _proxy: PrometheusProxy,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OperatorProcess]:
    """The operator, watching all namespaces of a cluster that has what a user installs."""
    cluster.load_image(MODEL_SERVER)
    process = OperatorProcess(cluster, _proxy.url, tmp_path_factory.mktemp("operator"))
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture(scope="session")
def session(cluster: LocalCluster) -> Iterator[tuple[requests.Session, str]]:
    """An administrator's connection."""
    with session_of(cluster.kubeconfig) as connection:
        yield connection


@pytest.fixture
def stage(
    cluster: LocalCluster, operator: OperatorProcess, session: tuple[requests.Session, str], namespace: str
) -> Iterator[Stage]:
    """One namespace to play a scenario in. Afterwards the operator must not have failed at anything there."""
    stage = Stage(Api(*session, namespace), cluster.gateway_url, operator.tail)
    yield stage
    failures = [line for line in operator.log().splitlines() if namespace in line and "times in a row" in line]
    assert stage.may_fail or not failures, "\n".join(failures[:5])


@pytest.fixture
def stages(
    cluster: LocalCluster, operator: OperatorProcess, session: tuple[requests.Session, str]
) -> Iterator[Callable[[int], list[Stage]]]:
    """Several namespaces, for scenarios of several models: `stages(3)`."""
    made: list[str] = []

    def make(count: int) -> list[Stage]:
        names = [f"test-{secrets.token_hex(3)}" for _ in range(count)]
        for name in names:
            cluster.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
            made.append(name)
        for name in names:
            account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
            cluster.api.wait_for("a service account", account, lambda it: bool(it["metadata"]["uid"]), timeout=20)
        return [Stage(Api(*session, name), cluster.gateway_url, operator.tail) for name in names]

    yield make
    for name in made:
        cluster.api.delete(f"/api/v1/namespaces/{name}")

"""The operator as a process: what is wrong with how it is set up ends it with one clear line and exit code 2."""

import asyncio
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.apiserver import FakeApiServer
from serin.controller.main import lease_name, lease_namespace
from serin.controller.settings import Settings, SettingsError


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SERIN_", "KUBE"))}
    return subprocess.run(
        [sys.executable, "-m", "serin.controller"],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SERIN_WORKERS": "many"}, "SERIN_WORKERS is 'many', expected a whole number from 1 to 256"),
        ({"SERIN_PROMETHEUS": "http://x"}, "SERIN_PROMETHEUS"),
        ({"SERIN_PROMETHEUS_URL": "prometheus"}, "SERIN_PROMETHEUS_URL is 'prometheus', expected a URL"),
        ({"SERIN_KUBECONFIG": "/nowhere/config"}, "/nowhere/config"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_stops_it_with_one_line(environment: dict[str, str], said: str) -> None:
    done = run(**environment)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_taken_stops_it_with_one_line(tmp_path: Path) -> None:
    async def test() -> subprocess.CompletedProcess[str]:
        async with FakeApiServer() as server:
            kubeconfig = tmp_path / "kubeconfig"
            kubeconfig.write_text(server.kubeconfig())
            with socket.create_server(("127.0.0.1", 0)) as taken:
                port = str(taken.getsockname()[1])
                return await asyncio.to_thread(
                    run,
                    SERIN_KUBECONFIG=str(kubeconfig),
                    SERIN_HTTP_ADDRESS="127.0.0.1",
                    SERIN_HTTP_PORT=port,
                    SERIN_LEADER_ELECTION="off",
                )

    done = asyncio.run(test())
    assert done.returncode == 2, done.stderr
    assert [line for line in done.stderr.splitlines() if "cannot listen on 127.0.0.1" in line]
    assert "Traceback" not in done.stderr


def test_where_the_lease_is_is_said_or_the_pods_own_namespace(tmp_path: Path) -> None:
    own = tmp_path / "namespace"
    with pytest.raises(SettingsError, match=r"in no pod.*set leader_election_namespace, or leader_election to off"):
        lease_namespace(Settings(), own)
    own.write_text("serin-system")
    assert lease_namespace(Settings(), own) == "serin-system"
    assert lease_namespace(replace(Settings(), leader_election_namespace="there"), own) == "there"


def test_operators_of_different_namespaces_do_not_compete() -> None:
    assert lease_name(Settings()) == "serin-operator"
    assert lease_name(replace(Settings(), namespace="ml")) == "serin-operator-ml"


def test_without_a_namespace_for_its_lease_it_stops_with_one_line(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(FakeApiServer().kubeconfig())
    done = run(SERIN_KUBECONFIG=str(kubeconfig))
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert "leader_election is on, but Serin runs in no pod" in said

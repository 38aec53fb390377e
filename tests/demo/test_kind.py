"""Where kind cannot work, the demo says so in one line; what it would apply, a real API server accepts."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from demo.kind import CLUSTER, CONTOUR, GATEWAY_API, GATEWAY_URL, OBJECTS, kind_platform, module_directory
from demo.platforms import REPOSITORY, StoryError


def test_missing_docker_is_told_with_what_works_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoryError, match=r"there is no docker on this machine: .*make demo"), kind_platform():
        pass


def test_a_docker_without_its_engine_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for program in ("docker", "kind", "kubectl", "go"):
        (tmp_path / program).write_text("#!/bin/sh\necho cannot connect >&2\nexit 1\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(StoryError, match=r"Docker does not answer: .*cannot connect"), kind_platform():
        pass


def test_the_gateways_port_is_the_one_that_the_node_publishes() -> None:
    config = yaml.safe_load((REPOSITORY / "kind-config.yaml").read_text())
    [mapping] = config["nodes"][0]["extraPortMappings"]
    assert config["name"] == CLUSTER
    assert (mapping["containerPort"], f"http://{mapping['listenAddress']}:{mapping['hostPort']}") == (80, GATEWAY_URL)


@pytest.mark.parametrize("program", ["contour", "gateway-api"])
def test_kind_gets_the_versions_that_the_local_cluster_has(program: str) -> None:
    module, version = {"contour": CONTOUR, "gateway-api": GATEWAY_API}[program].split("@")
    pinned = (REPOSITORY / "hack" / "localcluster" / "programs" / program / "go.mod").read_text()
    assert f"{module} {version}" in pinned


@pytest.mark.cluster
def test_the_api_server_accepts_all_that_kind_demo_applies(kubectl: Callable[..., str]) -> None:
    dry_run = ("apply", "--dry-run=server")
    gateway_api = module_directory(GATEWAY_API) / "config" / "crd" / "standard"
    told = [
        kubectl(*dry_run, "--server-side", "--force-conflicts", "-f", str(gateway_api)),
        kubectl(*dry_run, "-f", str(module_directory(CONTOUR) / "examples" / "contour")),
        kubectl(*dry_run, "-f", str(OBJECTS / "gateway.yaml")),
        kubectl(*dry_run, "-f", str(OBJECTS / "prometheus.yaml")),
    ]
    assert all("(server dry run)" in line for answer in told for line in answer.splitlines())
    assert "daemonset.apps/envoy" in told[1]
    assert "gateway.gateway.networking.k8s.io/serin" in told[2]
    assert "deployment.apps/prometheus" in told[3]

"""kind's own parser and validation accept `kind-config.yaml`, shown without Docker."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from localcluster.build import ensure_built

CONFIG = Path(__file__).parents[2] / "kind-config.yaml"
# Answers what kind asks before it looks at the configuration's content, and nothing beyond.
DOCKER = """#!/bin/sh
echo "$*" >> "${0%/*}/calls"
case "$1" in
info) echo '{}' ;;
ps | inspect) ;;
network) echo 0123456789ab ;;
*) exit 1 ;;
esac
"""


def create(directory: Path, config: str) -> tuple[str, str]:
    """What kind says to a configuration, and which commands it gave to a Docker that refuses to make anything."""
    docker = directory / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    (directory / "calls").write_text("")
    file = directory / "config.yaml"
    file.write_text(config)
    command = [str(ensure_built(("kind",))["kind"]), "create", "cluster", "--config", str(file)]
    environment = {"PATH": f"{directory}:/usr/bin:/bin", "HOME": str(directory), "KIND_EXPERIMENTAL_PROVIDER": "docker"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr, (directory / "calls").read_text()


def test_kind_gets_as_far_as_making_the_node(tmp_path: Path) -> None:
    said, calls = create(tmp_path, CONFIG.read_text())

    assert 'Creating cluster "serin-demo"' in said
    assert yaml.safe_load(CONFIG.read_text())["nodes"][0]["image"] in calls
    assert "--publish=127.0.0.1:8088:80/TCP" in calls


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("extraPortMappings", "extraPorts", "field extraPorts not found"),
        ("containerPort: 80,", "containerPort: 80000,", "invalid port number: 80000"),
        ("v1alpha4", "v1", "unknown apiVersion"),
    ],
)
def test_kind_would_have_said_what_is_wrong(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    said, calls = create(tmp_path, CONFIG.read_text().replace(right, wrong))

    assert message in said
    assert "run " not in calls


def test_the_node_image_is_pinned_by_digest() -> None:
    for node in yaml.safe_load(CONFIG.read_text())["nodes"]:
        assert "@sha256:" in node["image"]

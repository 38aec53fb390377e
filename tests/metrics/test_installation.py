"""How the servers' file and its Secrets reach the operator's pod: by kustomize, and by the chart."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from crds.files import ROOT
from serin.metrics import Server, load_servers

CHART = ROOT / "charts" / "serin"
OVERLAY = ROOT / "examples" / "prometheus-servers"
CONFIG = "SERIN_PROMETHEUS_CONFIG"
URL = "SERIN_PROMETHEUS_URL"
Objects = list[dict[str, Any]]


def render(*command: str | Path, environment: Mapping[str, str] | None = None) -> Objects:
    """The objects that a command prints."""
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    return [document for document in yaml.safe_load_all(printed) if document]


def pod_of(objects: Objects) -> dict[str, Any]:
    (deployment,) = (each for each in objects if each["kind"] == "Deployment")
    return dict(deployment["spec"]["template"])


def variables(pod: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in pod["spec"]["containers"][0]["env"]}


def mounted(objects: Objects) -> Iterator[tuple[str, str, str]]:
    """Where what is mounted: a directory, the kind of the volume, and the object's name."""
    spec = pod_of(objects)["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for mount in spec["containers"][0]["volumeMounts"]:
        volume = volumes[mount["name"]]
        if "secret" in volume:
            yield mount["mountPath"], "Secret", volume["secret"]["secretName"]
        if "configMap" in volume:
            yield mount["mountPath"], "ConfigMap", volume["configMap"]["name"]


def servers_in(objects: Objects, directory: Path) -> tuple[Server, ...]:
    """What the operator reads from the file that its variable names."""
    file = Path(variables(pod_of(objects))[CONFIG])
    (name,) = (name for path, kind, name in mounted(objects) if (path, kind) == (str(file.parent), "ConfigMap"))
    (config,) = (each for each in objects if (each["kind"], each["metadata"]["name"]) == ("ConfigMap", name))
    assert config["metadata"]["namespace"] == "serin-system"
    written = directory / file.name
    written.write_text(config["data"][file.name])
    return load_servers(written)


def assert_every_file_is_mounted(servers: tuple[Server, ...], objects: Objects) -> None:
    directories = {path: name for path, kind, name in mounted(objects) if kind == "Secret"}
    for server in servers:
        for file in server.files:
            assert str(file.parent) in directories, f"{file} is in no Secret's mount"
            assert file.parent.name == directories[str(file.parent)]


@pytest.mark.cluster
def test_the_overlay_gives_the_operator_its_servers_and_their_secrets(tmp_path: Path) -> None:
    from localcluster.build import ensure_built

    objects = render(ensure_built()["kubectl"], "kustomize", OVERLAY)
    servers = servers_in(objects, tmp_path)
    assert [server.name for server in servers] == ["default", "mimir"]
    assert_every_file_is_mounted(servers, objects)
    assert URL not in variables(pod_of(objects))


SERVERS = [
    {"name": "default", "url": "http://prometheus:9090"},
    {
        "name": "mimir",
        "url": "https://mimir/prometheus",
        "bearerTokenFile": "/etc/serin/credentials/mimir/token",
        "headers": {"X-Scope-OrgID": "team-a|team-b"},
    },
]


WHERE = ("--namespace", "serin-system", "--kube-version", "1.34.0")


@pytest.fixture
def helm() -> str:
    """The program; it is not among those that the local cluster builds."""
    found = shutil.which("helm")
    if found is None:
        pytest.skip("helm is not installed")
    return found


def template(helm: str, tmp_path: Path, values: Mapping[str, Any]) -> Objects:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    places = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
    environment = {**os.environ, **dict.fromkeys(places, str(tmp_path))}
    return render(helm, "template", "serin", CHART, *WHERE, "--values", file, environment=environment)


def test_the_chart_names_one_url_unless_there_are_servers(helm: str, tmp_path: Path) -> None:
    pod = pod_of(template(helm, tmp_path, {}))
    assert variables(pod)[URL] == "http://prometheus.monitoring:9090"
    assert CONFIG not in variables(pod)
    assert [volume["name"] for volume in pod["spec"]["volumes"]] == ["tmp"]


def test_the_chart_gives_the_operator_its_servers_and_their_secrets(helm: str, tmp_path: Path) -> None:
    objects = template(helm, tmp_path, {"prometheus": {"servers": SERVERS, "secrets": ["mimir"]}})
    servers = servers_in(objects, tmp_path)
    assert [server.name for server in servers] == ["default", "mimir"]
    assert servers[1].headers == {"X-Scope-OrgID": "team-a|team-b"}
    assert_every_file_is_mounted(servers, objects)
    assert URL not in variables(pod_of(objects))


def test_other_servers_make_another_pod(helm: str, tmp_path: Path) -> None:
    first = pod_of(template(helm, tmp_path, {"prometheus": {"servers": SERVERS}}))
    second = pod_of(template(helm, tmp_path, {"prometheus": {"servers": SERVERS[:1]}}))
    assert first["metadata"]["annotations"] != second["metadata"]["annotations"]


def test_the_servers_that_the_values_show_are_such_as_the_operator_takes() -> None:
    text = (CHART / "values.yaml").read_text()
    shown = [line.removeprefix("  # ") for line in text.splitlines() if line.startswith(("  # - ", "  #   "))]
    servers = [Server.model_validate(each) for each in yaml.safe_load("\n".join(shown))]
    assert [str(file) for server in servers for file in server.files] == ["/etc/serin/credentials/mimir/token"]

"""How the API server is found, and what is said when it is not."""

import asyncio
from pathlib import Path

import pytest
from kubernetes.aio.client import Configuration
from prometheus_client import CollectorRegistry

from cluster_room.support import config_map
from fakes.apiserver import FakeApiServer
from serin.cluster.client import KubeClient
from serin.cluster.connect import TokenFile, load_configuration
from serin.cluster.errors import ConnectionSettingsError
from serin.cluster.metrics import ClientMetrics

NO_AUTHORITY = """
current-context: x
contexts: [{name: x, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
clusters: [{name: c, cluster: {server: "https://x", certificate-authority: /none}}]
"""


def load(kubeconfig: str = "", *, folder: Path = Path("/none"), **environment: str) -> Configuration:
    return asyncio.run(load_configuration(kubeconfig, environment=environment, service_account=folder))


def write_kubeconfig(path: Path, server: str = "http://127.0.0.1:1", token: str = "secret") -> str:
    path.write_text(
        f"""
apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: here, user: me}}}}]
clusters: [{{name: here, cluster: {{server: "{server}"}}}}]
users: [{{name: me, user: {{token: {token}}}}}]
"""
    )
    return str(path)


@pytest.fixture
def service_account(tmp_path: Path) -> Path:
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("first\n")
    (folder / "ca.crt").write_text("")
    return folder


def token_of(configuration: Configuration) -> str:
    return str(asyncio.run(configuration.get_api_key_with_prefix("BearerToken")))


def test_the_flag_wins_over_the_variable_and_the_pod(tmp_path: Path, service_account: Path) -> None:
    flag = write_kubeconfig(tmp_path / "flag", "http://flag")
    variable = write_kubeconfig(tmp_path / "variable", "http://variable")
    pod = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
    assert load(flag, KUBECONFIG=variable, folder=service_account, **pod).host == "http://flag"
    assert load(KUBECONFIG=variable, folder=service_account, **pod).host == "http://variable"
    assert load(folder=service_account, **pod).host == "https://10.96.0.1:443"


def test_the_kubeconfig_at_home_comes_last(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    write_kubeconfig(tmp_path / ".kube" / "config", "http://home")
    assert load(HOME=str(tmp_path)).host == "http://home"


def test_of_several_kubeconfigs_those_that_are_missing_are_skipped(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "there", "http://there")
    assert load(KUBECONFIG=f"/none/such:{path}").host == "http://there"


def test_an_ipv6_address_is_bracketed(service_account: Path) -> None:
    configuration = load(folder=service_account, KUBERNETES_SERVICE_HOST="fd00::1", KUBERNETES_SERVICE_PORT="6443")
    assert configuration.host == "https://[fd00::1]:6443"


def test_a_rotated_service_account_token_is_read_within_a_minute(service_account: Path) -> None:
    seconds = 100.0
    configuration = Configuration()
    token = TokenFile(service_account / "token", lambda: seconds)
    configuration.refresh_api_key_hook = token
    token(configuration)
    assert token_of(configuration) == "Bearer first"
    (service_account / "token").write_text("second")
    assert token_of(configuration) == "Bearer first"
    seconds += 60
    assert token_of(configuration) == "Bearer second"
    seconds += 60
    (service_account / "token").unlink()
    assert token_of(configuration) == "Bearer second", "the kubelet is just replacing the file"


def test_a_service_account_is_used_with_its_authority(service_account: Path) -> None:
    configuration = load(folder=service_account, KUBERNETES_SERVICE_HOST="10.96.0.1")
    assert configuration.ssl_ca_cert == str(service_account / "ca.crt")
    assert token_of(configuration) == "Bearer first"


def test_the_client_sends_the_token_of_the_kubeconfig_and_no_proxy_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def test() -> None:
        async with FakeApiServer() as server:
            path = tmp_path / "config"
            path.write_text(server.kubeconfig())
            configuration = await load_configuration(str(path), environment={})
            async with KubeClient(configuration, ClientMetrics(CollectorRegistry())) as client:
                await client.apply(config_map())
            assert server.log[0].headers["Authorization"] == "Bearer fake-token"

    asyncio.run(test())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is no kubeconfig"),
        ("just text", "it is no kubeconfig"),
        ("a: [", "cannot be used"),
        ("{}", "current-context"),
        ("current-context: x\ncontexts: []\nclusters: []\nusers: []", "Expected object with name x"),
        (NO_AUTHORITY, "/none"),
    ],
)
def test_a_broken_kubeconfig_is_told_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ConnectionSettingsError) as raised:
        load(str(path))
    message = str(raised.value)
    assert str(path) in message
    assert said in message
    assert "\n" not in message


def test_a_missing_kubeconfig_is_told_with_where_its_name_came_from() -> None:
    with pytest.raises(ConnectionSettingsError, match=r"'/none/such' \(KUBECONFIG\) does not exist"):
        load(KUBECONFIG="/none/such")


def test_without_anything_it_says_what_it_looked_for() -> None:
    with pytest.raises(ConnectionSettingsError, match=r"pass --kubeconfig, set KUBECONFIG, or run Serin in a pod"):
        load(HOME="/none")


def test_a_pod_without_a_service_account_is_told_what_to_set() -> None:
    with pytest.raises(ConnectionSettingsError, match="automountServiceAccountToken"):
        load(KUBERNETES_SERVICE_HOST="10.96.0.1")

"""The file of servers: what may stand in it, and one clear line about what may not."""

from datetime import timedelta
from pathlib import Path

import pytest

from serin.controller.main import servers_of
from serin.controller.settings import SettingsError, load_settings
from serin.metrics import Server, ServersError, load_servers

WHOLE = """\
servers:
- name: default
  url: https://prometheus.monitoring:9090/base
  basicAuth: {username: serin, passwordFile: /etc/serin/prometheus/password}
  tls: {caFile: /ca.crt, certFile: /tls.crt, keyFile: /tls.key, serverName: prometheus}
  timeout: 5s
  concurrency: 8
- name: mimir
  url: http://mimir.monitoring/prometheus
  bearerTokenFile: /token
  headers: {X-Scope-OrgID: team-a}
  headerFiles: {X-Api-Key: /key}
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "servers.yaml"
    file.write_text(text)
    return file


def test_everything_that_may_stand_in_the_file_is_read(tmp_path: Path) -> None:
    default, mimir = load_servers(written(tmp_path, WHOLE))
    assert (default.name, default.timeout, default.concurrency) == ("default", timedelta(seconds=5), 8)
    assert [str(file) for file in default.files] == [
        "/etc/serin/prometheus/password",
        "/ca.crt",
        "/tls.crt",
        "/tls.key",
    ]
    assert [str(file) for file in mimir.files] == ["/token", "/key"]
    assert (mimir.headers, mimir.timeout, mimir.concurrency) == ({"X-Scope-OrgID": "team-a"}, None, 4)


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("{name: default}", "servers[0].url: Field required"),
        ("{url: 'http://x', password: secret}", "servers[0].password: Extra inputs are not permitted"),
        ("{url: prometheus:9090}", "servers[0].url: String should match pattern"),
        ("{url: 'http://me:secret@x'}", "servers[0].url: String should match pattern"),
        ("{url: 'http://x', name: No_Name}", "servers[0].name: String should match pattern"),
        ("{url: 'http://x', bearerTokenFile: token}", "servers[0].bearerTokenFile: write an absolute path"),
        (
            "{url: 'http://x', bearerTokenFile: /a, basicAuth: {username: a, passwordFile: /b}}",
            "servers[0]: write one of bearerTokenFile, basicAuth and an Authorization in headerFiles",
        ),
        ("{url: 'https://x', tls: {certFile: /a}}", "servers[0].tls: a client's certificate wants its key"),
        ("{url: 'http://x', tls: {caFile: /a}}", "servers[0]: tls is given, and the url is not https"),
        ("{url: 'http://x', headers: {Authorization: secret}}", "servers[0]: Authorization is a secret"),
        ("{url: 'http://x', headers: {A: '1'}, headerFiles: {a: /b}}", "servers[0]: a header is given twice"),
        ('{url: "http://x", headers: {A: "secret\\r\\nB: 2"}}', "servers[0].headers.A: String should match pattern"),
        ("{url: 'http://x', timeout: soon}", "servers[0].timeout: 'soon' is not a duration"),
        ("{url: 'http://x', timeout: 0s}", "servers[0].timeout: write a duration above zero"),
        ("{url: 'http://x', concurrency: 0}", "servers[0].concurrency: Input should be greater than or equal to 1"),
        ("{url: 'http://x'}\n- {url: 'http://y'}", "the file: two servers bear the name 'default'"),
    ],
)
def test_a_wrong_field_is_named_in_one_line(tmp_path: Path, server: str, said: str) -> None:
    file = written(tmp_path, f"servers:\n- {server}\n")
    with pytest.raises(ServersError) as raised:
        load_servers(file)
    assert str(raised.value).startswith(f"{file}: {said}")
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value).removeprefix(f"{file}: {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("servers: []", "servers: Tuple should have at least 1 item"),
        ("", "the file: Input should be a valid dictionary"),
        ("{", "is not YAML: "),
    ],
)
def test_a_file_that_names_no_server_says_so(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ServersError, match=r"servers\.yaml") as raised:
        load_servers(written(tmp_path, text))
    assert said in str(raised.value)


def test_the_url_is_the_server_default_unless_there_is_a_file(tmp_path: Path) -> None:
    assert servers_of(load_settings(["--prometheus-url", "http://p:9090/"], {})) == (Server(url="http://p:9090"),)
    file = written(tmp_path, WHOLE)
    servers = servers_of(load_settings([], {"SERIN_PROMETHEUS_CONFIG": str(file)}))
    assert [server.name for server in servers] == ["default", "mimir"]


def test_a_file_that_is_not_there_stops_the_operator_with_one_line(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    with pytest.raises(SettingsError) as raised:
        servers_of(load_settings(["--prometheus-config", str(file)], {}))
    assert str(raised.value) == f"prometheus_config: {file} cannot be read: No such file or directory"

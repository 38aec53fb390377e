"""Who Serin is to a server, and whom it trusts: read from files, and read again when they change."""

import asyncio
import json
import shutil
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fakes.prometheus import FakePrometheus
from localcluster.certificates import Authority, Pair
from metrics.real_prometheus import real_prometheus
from metrics.subjects import NOW
from serin.metrics import MetricsError, PrometheusProvider
from serin.metrics.provider import CredentialsError, RangeQuery, UnavailableError, UnreachableError
from serin.metrics.servers import Access

SECOND = timedelta(seconds=1)
QUERY = RangeQuery("vector(1)", NOW, NOW, SECOND, 5 * SECOND)
PASSWORDS = {
    "first": "$2b$04$rsFl642zHRjCN9q9/dTVx.dHMZ1Ia0wA3RxXB0felY5LiSJIriWXO",
    "sécond": "$2b$04$WaJtTkZcjPiwZm8vQRR5U.QjVIvD.Kvxyf4zf/kA4tIJ4ru09c8PK",
}
"""Passwords, and what Prometheus keeps of them (bcrypt, as cheap as it goes)."""


@contextmanager
def asking(url: str, access: Mapping[str, Any]) -> Iterator[PrometheusProvider]:
    """A provider with one thread, whose session lives as long as its credentials."""
    provider = PrometheusProvider(url, 5 * SECOND, access=Access.model_validate(access), threads=1)
    try:
        yield provider
    finally:
        provider.close()


def ask(provider: PrometheusProvider) -> str:
    """How it ended, in a word, or as the error says."""
    try:
        (series,) = asyncio.run(provider.query_range(QUERY))
    except MetricsError as error:
        return f"{type(error).__name__}: {error}"
    return "answered" if list(series.values.values()) == [1] else "something else"


@pytest.fixture
def fake() -> Iterator[FakePrometheus]:
    with FakePrometheus() as server:
        server.series = {"vector": [({}, 1.0)]}
        yield server


def test_a_bearer_token_is_read_again_when_its_secret_changes(fake: FakePrometheus, tmp_path: Path) -> None:
    secret = Secret(tmp_path, {"token": "first\n"})
    with asking(fake.url, {"bearerTokenFile": str(secret / "token")}) as provider:
        fake.required = {"Authorization": "Bearer first"}
        assert ask(provider) == "answered"
        fake.required = {"Authorization": "Bearer second"}
        assert ask(provider) == "UnavailableError: Prometheus refused the query (HTTP 401): Unauthorized"
        secret.put({"token": "second\n"})
        assert ask(provider) == "answered"


class Secret:
    """A Secret as the kubelet mounts it: links into a directory that a link names, which is swapped at once."""

    def __init__(self, mount: Path, data: Mapping[str, str | bytes]) -> None:
        self._mount = mount / "secret"
        self._mount.mkdir()
        self._version = 0
        self.put(data)

    def __truediv__(self, name: str) -> Path:
        return self._mount / name

    def put(self, data: Mapping[str, str | bytes]) -> None:
        """Replace everything."""
        self._version += 1
        directory = self._mount / f"..{self._version}"
        directory.mkdir()
        for name, content in data.items():
            (directory / name).write_bytes(content.encode() if isinstance(content, str) else content)
            if not (self._mount / name).is_symlink():
                (self._mount / name).symlink_to(Path("..data") / name)
        link = self._mount / "..data_tmp"
        link.symlink_to(directory.name)
        link.rename(self._mount / "..data")


def test_tenants_and_other_headers_are_sent(fake: FakePrometheus, tmp_path: Path) -> None:
    secret = Secret(tmp_path, {"key": "s3cret"})
    fake.required = {"X-Scope-OrgID": "team-a|team-b", "X-Api-Key": "s3cret"}
    access = {"headers": {"X-Scope-OrgID": "team-a|team-b"}, "headerFiles": {"X-Api-Key": str(secret / "key")}}
    with asking(fake.url, access) as provider:
        assert ask(provider) == "answered"
    with asking(fake.url, {"headers": {"X-Scope-OrgID": "team-c"}}) as provider:
        assert ask(provider).startswith(UnavailableError.__name__)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "is empty, or holds characters that no header can bear"),
        ("s3cret\r\nX-Other: 1", "is empty, or holds characters that no header can bear"),
        ("s3crét", "is empty, or holds characters that no header can bear"),
        (b"s3cret\xff", "cannot be read: it is not UTF-8"),
    ],
)
def test_a_token_that_cannot_be_sent_is_told_without_it(
    fake: FakePrometheus, tmp_path: Path, content: str | bytes | None, why: str
) -> None:
    secret = Secret(tmp_path, {} if content is None else {"token": content})
    with asking(fake.url, {"bearerTokenFile": str(secret / "token")}) as provider:
        assert ask(provider) == f"{CredentialsError.__name__}: {secret / 'token'} {why}"
        assert fake.queries == []
        secret.put({"token": "good"})
        assert ask(provider) == "answered"


def test_a_redirection_is_told_and_not_followed(fake: FakePrometheus, tmp_path: Path) -> None:
    """Whoever is at the other address gets no credentials."""
    token = tmp_path / "token"
    token.write_text("s3cret")
    access = {"bearerTokenFile": str(token), "headerFiles": {"X-Api-Key": str(token)}}
    elsewhere = fake.url.replace("127.0.0.1", "localhost")
    with redirecting(elsewhere) as (url, seen), asking(url, access) as provider:
        assert ask(provider) == (f"UnavailableError: Prometheus is elsewhere (HTTP 302): write {elsewhere} as its url")
    assert (seen, fake.queries) == ([("Bearer s3cret", "s3cret")], [])


@contextmanager
def redirecting(target: str) -> Iterator[tuple[str, list[tuple[str | None, str | None]]]]:
    """A server that sends everybody to another one, and what credentials it was shown."""
    seen: list[tuple[str | None, str | None]] = []

    class Redirects(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.headers["Authorization"], self.headers["X-Api-Key"]))
            self.send_response(302)
            self.send_header("Location", target + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Redirects) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()
        thread.join()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "first")


def test_a_real_server_wants_a_password(prometheus_program: Path, tmp_path: Path) -> None:
    users = tmp_path / "web.yaml"
    users.write_text(json.dumps({"basic_auth_users": {"serin": PASSWORDS["first"]}}))
    password = tmp_path / "password"
    password.write_text("first\n")
    access = {"basicAuth": {"username": "serin", "passwordFile": str(password)}}
    with real_prometheus(prometheus_program, web=users) as server:
        with asking(server.url, {}) as provider:
            assert ask(provider) == "UnavailableError: Prometheus refused the query (HTTP 401): Unauthorized"
        with asking(server.url, access) as provider:
            assert ask(provider) == "answered"
            users.write_text(json.dumps({"basic_auth_users": {"serin": PASSWORDS["sécond"]}}))
            assert ask(provider).startswith("UnavailableError")
            password.write_text("sécond\n")
            assert ask(provider) == "answered"


def test_a_real_server_and_its_clients_change_their_certificates(
    prometheus_program: Path, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "second")
    served, trusted = tmp_path / "served", authority.file
    served.mkdir()
    _serve(served, authority.issue("server", "prometheus", hosts=["127.0.0.1"]), trusted)
    web = served / "web.yaml"
    web.write_text(
        json.dumps(
            {
                "tls_server_config": {
                    "cert_file": "tls.crt",
                    "key_file": "tls.key",
                    "client_auth_type": "RequireAndVerifyClientCert",
                    "client_ca_file": "ca.crt",
                }
            }
        )
    )
    first = authority.issue("serin", "serin")
    secret = Secret(tmp_path, _mounted(authority.file, first))
    trust = ssl.create_default_context(cafile=str(authority.file))
    trust.load_cert_chain(first.certificate, first.key)
    tls = {"caFile": str(secret / "ca.crt"), "certFile": str(secret / "tls.crt"), "keyFile": str(secret / "tls.key")}
    with real_prometheus(prometheus_program, web=web, trust=trust) as server:
        with asking(server.url, {}) as provider:
            assert "certificate verify failed" in ask(provider)
        with asking(server.url, {"tls": {"caFile": tls["caFile"]}}) as provider:
            assert ask(provider).startswith(UnreachableError.__name__)  # it wants a certificate of ours
        with asking(server.url, {"tls": tls}) as provider:
            assert ask(provider) == "answered"
            _serve(served, other.issue("server", "prometheus", hosts=["127.0.0.1"]), other.file)
            secret.put(_mounted(other.file, other.issue("serin", "serin")))
            assert ask(provider) == "answered"
        # What was good before is not any more: it is the new files that were read.
        with asking(server.url, {"tls": {"caFile": str(authority.file)}}) as provider:
            assert "certificate verify failed" in ask(provider)


def _serve(directory: Path, pair: Pair, clients: Path) -> None:
    for source, name in ((pair.certificate, "tls.crt"), (pair.key, "tls.key"), (clients, "ca.crt")):
        shutil.copy(source, directory / name)


def _mounted(authority: Path, pair: Pair) -> dict[str, bytes]:
    return {
        "ca.crt": authority.read_bytes(),
        "tls.crt": pair.certificate.read_bytes(),
        "tls.key": pair.key.read_bytes(),
    }


def test_a_certificate_may_bear_another_name_than_the_url(
    prometheus_program: Path, authority: Authority, tmp_path: Path
) -> None:
    served = tmp_path / "served"
    served.mkdir()
    _serve(served, authority.issue("server", "prometheus", hosts=["prometheus.example"]), authority.file)
    web = served / "web.yaml"
    web.write_text(json.dumps({"tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"}}))
    trust = ssl.create_default_context(cafile=str(authority.file))
    trust.check_hostname = False
    tls = {"caFile": str(authority.file)}
    with real_prometheus(prometheus_program, web=web, trust=trust) as server:
        with asking(server.url, {"tls": tls}) as provider:
            assert "certificate is not valid for '127.0.0.1'" in ask(provider)
        with asking(server.url, {"tls": tls | {"serverName": "prometheus.example"}}) as provider:
            assert ask(provider) == "answered"

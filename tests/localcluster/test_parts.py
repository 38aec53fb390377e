"""Small parts of the cluster that are right or wrong by themselves."""

from __future__ import annotations

import base64
import ssl
import tomllib
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from localcluster import api, node
from localcluster.certificates import Authority, write_kubeconfig
from localcluster.component import Component, Probe, Status
from localcluster.credentials import make_credentials
from localcluster.layout import Layout


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n", "/api/v1/namespaces/a"),
        (
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a, namespace: b}\n",
            "/apis/discovery.k8s.io/v1/namespaces/b/endpointslices/a",
        ),
        (
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a, namespace: b}\nspec: {}\n",
            "/apis/gateway.networking.k8s.io/v1/namespaces/b/gateways/a",
        ),
        (
            "apiVersion: g/v1\nkind: GatewayClass\nmetadata: {name: a}\nspec:\n  x: '{{'\n",
            "/apis/g/v1/gatewayclasses/a",
        ),
        (
            "apiVersion: a/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: 'x:y'}\n",
            "/apis/a/v1/validatingadmissionpolicies/x%3Ay",
        ),
        ("# only a comment\n", None),
    ],
)
def test_where_an_object_lives(document: str, path: str | None) -> None:
    assert api._path(document) == path


def test_conditions_are_read_by_type() -> None:
    document = {"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Bad", "status": "False"}]}}
    assert api.condition(document, "Ready")
    assert not api.condition(document, "Bad")
    assert not api.condition({}, "Ready")


def test_every_component_has_a_certificate_with_its_own_name(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.make()
    credentials = make_credentials(layout, outside_url="https://127.0.0.1:1")

    def subject(name: str) -> str:
        user = yaml.safe_load(credentials.kubeconfigs[name].read_text())["users"][0]["user"]
        certificate = x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))
        return certificate.subject.rfc4514_string()

    assert subject("admin") == "CN=serin-admin,O=system:masters"
    assert subject("kubelet") == "CN=system:node:node-0,O=system:nodes"
    assert subject("scheduler") == "CN=system:kube-scheduler"
    assert subject("prometheus") == "CN=prometheus"
    assert yaml.safe_load(layout.kubeconfig.read_text())["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:1"


def test_no_kubeconfig_skips_verification_or_is_open_to_others(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    client = authority.issue("client", "me")
    path = write_kubeconfig(tmp_path / "kubeconfig", server="https://x", authority=authority.file, client=client)

    assert "insecure" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert client.key.stat().st_mode & 0o077 == 0


def test_a_certificate_is_good_for_its_hosts_and_its_authority_alone(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    pair = ours.issue("server", "server", hosts=("127.0.0.1",))

    def handshake(authority: Authority, host: str) -> None:
        server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_context.load_cert_chain(pair.certificate, pair.key)
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = server_context.wrap_bio(to_server, to_client, server_side=True)
        client = ssl.create_default_context(cafile=str(authority.file)).wrap_bio(
            to_client, to_server, server_hostname=host
        )
        for _ in range(4):
            for side in (client, server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue

    handshake(ours, "127.0.0.1")
    for authority, host in ((theirs, "127.0.0.1"), (ours, "10.0.0.1")):
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(authority, host)


def test_a_component_survives_the_control_socket() -> None:
    component = Component("a", ("/bin/a", "-b"), "/log", Probe("http", "http://x", "ca"), {"A": "b"}, (3, 4))
    assert Component.from_message(component.to_message()) == component


@pytest.mark.parametrize(
    ("pid", "wanted", "ending", "died"),
    [(1, True, "", False), (None, True, "signal SIGKILL", True), (None, False, "signal SIGKILL", False)],
)
def test_only_an_end_that_nobody_wanted_is_a_death(pid: int | None, ending: str, *, wanted: bool, died: bool) -> None:
    assert Status("a", pid, wanted, frozen=False, ending=ending, log="").died is died


def test_tables_become_toml() -> None:
    table = {"version": 3, "grpc": {"address": "/a"}, "plugins": {"a.b": {"c": True, "d": ["e"], "f": {"g": "h"}}}}
    assert tomllib.loads(node._toml(table)) == table

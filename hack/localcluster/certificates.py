"""The cluster's own certificate authority, its certificates and the kubeconfigs made of them.

Elliptic-curve keys: a dozen of them take milliseconds where RSA takes seconds.
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = dt.timedelta(days=30)


@dataclass(frozen=True)
class Pair:
    """Files of a certificate and its private key."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority whose certificates and keys are files in one directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=True, path_length=None), True),
            (_key_usage(signs_certificates=True), True),
        ]
        certificate = _signed(self._name, self._name, self._key.public_key(), self._key, extensions)
        self.file = directory / f"{name}.crt"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, file_name: str, user: str, *, groups: Sequence[str] = (), hosts: Sequence[str] = ()) -> Pair:
        """A certificate for a client (the API server reads user and groups from it) and, with hosts, a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_key_usage(signs_certificates=False), True),
        ]
        if hosts:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
            extensions.append((x509.SubjectAlternativeName([_alternative(host) for host in hosts]), False))
        extensions.append((x509.ExtendedKeyUsage(usages), False))
        certificate = _signed(subject, self._name, key.public_key(), self._key, extensions)
        pair = Pair(self._directory / f"{file_name}.crt", self._directory / f"{file_name}.key")
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        write_private_key(key, pair.key)
        return pair


def write_private_key(key: ec.EllipticCurvePrivateKey, path: Path) -> None:
    """Write a key unencrypted, readable by its owner alone."""
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def service_account_keys(directory: Path) -> Pair:
    """The key that signs service-account tokens, and its public half (in the place of a certificate)."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = directory / "service-account.pub"
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    private = directory / "service-account.key"
    write_private_key(key, private)
    return Pair(public, private)


def write_kubeconfig(path: Path, *, server: str, authority: Path, client: Pair) -> Path:
    """A kubeconfig whose certificates are embedded, so that it can be copied anywhere."""
    path.touch(mode=0o600)
    cluster = {"server": server, "certificate-authority-data": authority.read_bytes()}
    user = {"client-certificate-data": client.certificate.read_bytes(), "client-key-data": client.key.read_bytes()}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "serin", "cluster": _encoded(cluster)}],
        "users": [{"name": client.certificate.stem, "user": _encoded(user)}],
        "contexts": [{"name": "serin", "context": {"cluster": "serin", "user": client.certificate.stem}}],
        "current-context": "serin",
    }
    path.write_text(yaml.safe_dump(document))
    return path


def _encoded(values: Mapping[str, object]) -> dict[str, str]:
    return {
        key: base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
        for key, value in values.items()
    }


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    signing_key: ec.EllipticCurvePrivateKey,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signing_key, hashes.SHA256())


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)

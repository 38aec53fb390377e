"""A server's credentials on a session of requests: read from files, which Kubernetes replaces when a Secret changes."""

import re
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter, Retry
from requests.auth import AuthBase, HTTPBasicAuth

from serin.metrics.provider import CredentialsError
from serin.metrics.servers import Access

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Inode, time of change and size of every file; None for one that is not there."""

_IN_A_HEADER = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


def stamp(access: Access) -> Stamp:
    """What differs as soon as a credential is another one. A Secret's mount swaps a symbolic link: it is followed."""
    return tuple(_stamp(file) for file in access.files)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def open_session(access: Access) -> requests.Session:
    """A session with the credentials as they are now.

    Raises:
        CredentialsError: a file cannot be read, or holds what no header can bear. No message tells what is in a file.
    """
    session = requests.Session()
    session.headers.update({**access.headers, **{name: _secret(file) for name, file in access.header_files.items()}})
    if access.bearer_token_file is not None:
        session.auth = _Bearer(_secret(access.bearer_token_file))
    if access.basic_auth is not None:
        # As bytes: requests would write a password in Latin-1, and Prometheus reads UTF-8.
        password = _read(access.basic_auth.password_file)
        session.auth = HTTPBasicAuth(access.basic_auth.username.encode(), password.encode())
    if access.tls.ca_file is not None:
        session.verify = str(access.tls.ca_file)
    if access.tls.cert_file is not None and access.tls.key_file is not None:
        session.cert = (str(access.tls.cert_file), str(access.tls.key_file))
    return session


def adapter(access: Access, retry: Retry) -> HTTPAdapter:
    """How the session connects: with retries, and by the name that the certificate bears."""
    if access.tls.server_name is None:
        return HTTPAdapter(max_retries=retry)
    return _NamedHost(access.tls.server_name, retry)


class _Bearer(AuthBase):
    """As an authentication and not as a header, so that a ~/.netrc does not take its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _NamedHost(HTTPAdapter):
    """Connects to one host, and asks for the certificate of another name."""

    def __init__(self, server_name: str, retry: Retry) -> None:
        self._server_name = server_name
        super().__init__(max_retries=retry)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """The pool of connections, told the name."""
        name = self._server_name
        super().init_poolmanager(*arguments, **options, server_hostname=name, assert_hostname=name)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CredentialsError(f"{file} cannot be read: {why}") from None


def _secret(file: Path) -> str:
    value = _read(file).strip()
    # requests would refuse it too, and write the secret into its message.
    if not _IN_A_HEADER.fullmatch(value):
        raise CredentialsError(f"{file} is empty, or holds characters that no header can bear")
    return value

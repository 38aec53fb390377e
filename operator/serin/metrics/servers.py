"""The Prometheus servers that may be asked: named in the operator's settings, never in a resource."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from serin.api.base import Duration

DEFAULT_SERVER = "default"


class ServersError(Exception):
    """The file of servers is wrong; the message names the file, the field and what is expected."""


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("write an absolute path: what it would be relative to is not certain")
    return path


def _above_zero(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("write a duration above zero such as 10s")
    return value


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$")]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


class BasicAuth(_Part):
    """A name and a password."""

    username: Annotated[str, Field(min_length=1, pattern=r"^[^:\x00-\x1f]+$")]
    password_file: AbsolutePath


class Tls(_Part):
    """Whom to trust, and who one is."""

    ca_file: AbsolutePath | None = None
    """The authorities that may sign for the server; those of the system unless given."""
    cert_file: AbsolutePath | None = None
    """The client's certificate."""
    key_file: AbsolutePath | None = None
    """Its key."""
    server_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")] | None = None
    """The name that the server's certificate bears, where it is not the host of the URL."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("a client's certificate wants its key: write both certFile and keyFile")
        return self


class Access(_Part):
    """How one shows who one is. Secrets are files, which are read again when they change."""

    bearer_token_file: AbsolutePath | None = None
    basic_auth: BasicAuth | None = None
    tls: Tls = Tls()
    headers: Mapping[HeaderName, HeaderValue] = {}
    """Sent with every query, such as X-Scope-OrgID for a tenant of Mimir or Thanos."""
    header_files: Mapping[HeaderName, AbsolutePath] = {}
    """Headers whose values are secrets."""

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        plain, secret = ([name.lower() for name in names] for names in (self.headers, self.header_files))
        if len({*plain, *secret}) < len(plain) + len(secret):
            raise ValueError("a header is given twice in headers and headerFiles")
        if "authorization" in plain:
            raise ValueError("Authorization is a secret: write bearerTokenFile, basicAuth or headerFiles")
        ways = [self.bearer_token_file is not None, self.basic_auth is not None, "authorization" in secret]
        if sum(ways) > 1:
            raise ValueError("write one of bearerTokenFile, basicAuth and an Authorization in headerFiles")
        return self

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is read."""
        found = (
            self.bearer_token_file,
            self.basic_auth.password_file if self.basic_auth else None,
            self.tls.ca_file,
            self.tls.cert_file,
            self.tls.key_file,
            *self.header_files.values(),
        )
        return tuple(file for file in found if file is not None)


class Server(Access):
    """One Prometheus, or what answers like it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")] = DEFAULT_SERVER
    """What `analysis.prometheus` calls it."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s/@?#]+(/[^\s?#]*)?$")]
    """With the path before /api/v1, if there is one; without a name and a password."""
    timeout: Annotated[Duration, AfterValidator(_above_zero)] | None = None
    """How long a query may take; the operator's query-timeout unless given."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    """How many batched queries are under way at once; of users' own queries half as many beside them."""

    @model_validator(mode="after")
    def _tls_is_used(self) -> Self:
        if self.tls != Tls() and not self.url.startswith("https://"):
            raise ValueError("tls is given, and the url is not https")
        return self


class _File(_Part):
    servers: Annotated[tuple[Server, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [server.name for server in self.servers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two servers bear the name {twice!r}")
        return self


def load_servers(file: Path) -> tuple[Server, ...]:
    """Read the servers from a YAML file.

    Raises:
        ServersError: the file cannot be read, is not YAML, or a field is wrong.
    """
    try:
        data: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        return _File.model_validate(data).servers
    except OSError as error:
        raise ServersError(f"{file} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ServersError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ServersError(f"{file}: {_place(first['loc'])}: {first['msg'].removeprefix('Value error, ')}") from error


def _place(location: tuple[int | str, ...]) -> str:
    """The field as one would write it: `servers[0].tls.certFile`."""
    parts = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return parts.removeprefix(".") or "the file"

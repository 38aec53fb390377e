"""What can go wrong between Serin and the API server.

    ClusterError
    ├── ConnectionSettingsError     no usable kubeconfig or service account: nothing can be asked
    ├── NotLeading                  a write that was not sent, because another replica acts now
    └── ApiError                    one request, and what became of it
        ├── Unreachable             no answer: refused, reset, timed out, silent
        ├── Unauthorized            401  the credentials are not accepted
        ├── Forbidden               403  RBAC or an admission policy says no
        ├── NotFound                404  no such object, or no such kind (a CRD is missing)
        ├── Conflict                409  the object is another one by now (resourceVersion, uid)
        │   └── AlreadyExists       409  on create
        ├── Gone                    410  the resourceVersion is too old: list again
        ├── Invalid                 400, 422 and some 500  the object or the patch is refused
        ├── Throttled               429  after the waits that the API server asked for
        └── ServerError             5xx, and whatever else is no success

A message names the method, the object, the status, its reason and the API server's own words.
"""

# ruff: noqa: N818 - the tree's names read as what they are: `except Conflict`

import json
from collections.abc import Mapping
from typing import Any


class ClusterError(Exception):
    """Anything that went wrong with the cluster."""


class ConnectionSettingsError(ClusterError):
    """There is no usable kubeconfig or service account; the message says in one line what was looked for."""


class NotLeading(ClusterError):
    """This replica does not lead, or not any more: what it wanted to write was not sent, and is another's to do."""


class ApiError(ClusterError):
    """A request that did not succeed.

    Attributes:
        status: the HTTP status; 0 when there was no answer.
        reason: the machine-readable reason of the API server's Status, such as `AlreadyExists`.
        words: the API server's own message.
        retry_after: seconds that the API server asks to wait.
    """

    def __init__(
        self,
        request: str,
        *,
        status: int = 0,
        reason: str = "",
        words: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Compose the message from the request's description and the answer."""
        said = " ".join(part for part in (str(status) if status else "", reason) if part)
        super().__init__(": ".join(part for part in (request, said, words) if part))
        self.status = status
        self.reason = reason
        self.words = words
        self.retry_after = retry_after


class Unreachable(ApiError):
    """No answer came. Whether the request had an effect is not known."""


class Unauthorized(ApiError):
    """The credentials are not accepted."""


class Forbidden(ApiError):
    """RBAC or an admission policy refuses."""


class NotFound(ApiError):
    """No such object, or no such kind."""


class Conflict(ApiError):
    """The object has changed since it was read, or is another one of the same name."""


class AlreadyExists(Conflict):
    """An object of this name was there before."""


class Gone(ApiError):
    """The resourceVersion is too old to continue from."""


class Invalid(ApiError):
    """The API server refuses the object or the patch; `words` say which field."""


class Throttled(ApiError):
    """The API server is overloaded and asks to come back after `retry_after` seconds."""


class ServerError(ApiError):
    """The API server failed."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: Throttled,
}


_NOT_TYPED = "failed to create typed patch object"
"""How server-side apply answers, with status 500, an object with an unknown field or a value of the wrong type."""


def from_answer(
    request: str, status: int, body: bytes | str | Mapping[str, Any], *, retry_after: str | None = None
) -> ApiError:
    """The error that an answer means.

    Args:
        request: what was asked, for the message.
        status: the HTTP status.
        body: a Kubernetes Status, or whatever a proxy in between said instead.
        retry_after: the header of that name.
    """
    details = body if isinstance(body, Mapping) else _status_of(body)
    reason = str(details.get("reason") or "")
    seconds = _seconds(retry_after) or _seconds((details.get("details") or {}).get("retryAfterSeconds"))
    kind = _BY_STATUS.get(status, ServerError)
    if kind is Conflict and reason == "AlreadyExists":
        kind = AlreadyExists
    words = str(details.get("message") or "")
    if kind is ServerError and _NOT_TYPED in words:
        kind = Invalid
    return kind(request, status=status, reason=reason, words=words, retry_after=seconds)


def _status_of(body: bytes | str) -> Mapping[str, Any]:
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    # A proxy between Serin and the API server answers in its own words.
    return status if isinstance(status, dict) else {"message": " ".join(text.split())[:200]}


def _seconds(value: object) -> float | None:
    try:
        return max(0.0, float(str(value)))
    except ValueError:
        return None

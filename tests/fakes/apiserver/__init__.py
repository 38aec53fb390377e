"""A fake API server: enough of Kubernetes, in memory, to test an operator's whole life in milliseconds."""

from fakes.apiserver.calls import Call, RequestLog, on
from fakes.apiserver.faults import Delay, Drop, ErrorEvent, Fault, Hold, Lag, Refuse, Repeat, Silence, Stale
from fakes.apiserver.kinds import KINDS, Kind
from fakes.apiserver.refusals import Refusal
from fakes.apiserver.server import FakeApiServer

__all__ = [
    "KINDS",
    "Call",
    "Delay",
    "Drop",
    "ErrorEvent",
    "FakeApiServer",
    "Fault",
    "Hold",
    "Kind",
    "Lag",
    "Refusal",
    "Refuse",
    "Repeat",
    "RequestLog",
    "Silence",
    "Stale",
    "on",
]

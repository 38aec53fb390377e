"""What the supervisor inside the cluster needs to know of one process, as it goes over the control socket."""

from __future__ import annotations

import dataclasses
import signal
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Probe:
    """How to see that a component is ready, looked at from inside the cluster's network."""

    kind: Literal["http", "tcp", "unix", "none"]
    target: str = ""
    """A URL that answers 2xx, `host:port` that accepts, or the path of a socket that accepts."""
    authority: str = ""
    """Certificate authority file for https."""


@dataclass(frozen=True)
class Component:
    """One supervised process."""

    name: str
    argv: tuple[str, ...]
    log: str
    probe: Probe
    environment: dict[str, str] = field(default_factory=dict)
    listeners: tuple[int, ...] = ()
    """Inherited sockets that the process gets as descriptors 3, 4, …"""
    stop_signal: int = signal.SIGKILL
    """Most get SIGKILL: a graceful end of the API server takes ten seconds that nobody needs here."""
    start_timeout: float = 120.0
    """Seconds from start to ready."""

    def to_message(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Component:
        """The reverse of `to_message`."""
        return cls(
            **{
                **message,
                "argv": tuple(message["argv"]),
                "listeners": tuple(message["listeners"]),
                "probe": Probe(**message["probe"]),
            }
        )


@dataclass(frozen=True)
class Status:
    """What the supervisor sees of a component."""

    name: str
    pid: int | None
    """Process id inside the cluster; None when it does not run."""
    wanted: bool
    """Somebody started it and nobody stopped it since."""
    frozen: bool
    ending: str
    """How it ended, if it has ended by itself; else empty."""
    log: str

    @property
    def died(self) -> bool:
        """It ended although nobody stopped it."""
        return self.wanted and self.pid is None and bool(self.ending)

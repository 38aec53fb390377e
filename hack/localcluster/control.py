"""The control socket of a cluster: requests to the supervisor inside, one JSON document a line.

A Unix socket is found by its file, so it reaches across network namespaces, and the kernel tells
through it which process answers.
"""

from __future__ import annotations

import dataclasses
import json
import socket
import socketserver
import struct
from pathlib import Path
from typing import Any

from localcluster import errors
from localcluster.component import Component, Status
from localcluster.supervisor import Supervisor

START_MARGIN = 30.0
"""Seconds that an answer may take beyond a component's own time to start."""


class ControlServer(socketserver.ThreadingUnixStreamServer):
    """Answers requests for one supervisor, each connection in a thread of its own."""

    daemon_threads = True

    def __init__(self, path: Path, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        super().__init__(str(path), _Handler)

    def answer(self, request: dict[str, Any]) -> Any:
        """Do what a request asks for."""
        match request:
            case {"do": "define", "component": message}:
                return self.supervisor.define(Component.from_message(message))
            case {"do": "start" | "stop" | "freeze" | "thaw" as verb, "name": name}:
                return getattr(self.supervisor, verb)(name)
            case {"do": "statuses"}:
                return [dataclasses.asdict(status) for status in self.supervisor.statuses()]
        raise errors.LocalClusterError(f"unknown request {request}")


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        if not isinstance(server, ControlServer):
            raise TypeError(f"a handler of ControlServer, not of {type(server).__name__}")
        for line in self.rfile:
            reply: dict[str, Any]
            try:
                reply = {"result": server.answer(json.loads(line))}
            except errors.LocalClusterError as error:
                reply = {"error": type(error).__name__, "message": str(error)}
            self.wfile.write(json.dumps(reply).encode() + b"\n")


class ControlClient:
    """Speaks to the supervisor of a running cluster; every call is a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def process_id(self) -> int:
        """Process id, as seen from here, of the first process inside the cluster."""
        with self._connected(5) as client:
            packed = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", packed)[0])

    def define(self, component: Component) -> None:
        """See Supervisor.define."""
        self._ask({"do": "define", "component": component.to_message()})

    def start(self, name: str, *, timeout: float = 120) -> None:
        """See Supervisor.start."""
        self._ask({"do": "start", "name": name}, timeout=timeout + START_MARGIN)

    def stop(self, name: str) -> None:
        """See Supervisor.stop."""
        self._ask({"do": "stop", "name": name})

    def freeze(self, name: str) -> None:
        """See Supervisor.freeze."""
        self._ask({"do": "freeze", "name": name})

    def thaw(self, name: str) -> None:
        """See Supervisor.thaw."""
        self._ask({"do": "thaw", "name": name})

    def statuses(self) -> dict[str, Status]:
        """How every component is, by name."""
        return {it["name"]: Status(**it) for it in self._ask({"do": "statuses"})}

    def _ask(self, request: dict[str, Any], *, timeout: float = 30) -> Any:
        with self._connected(timeout) as client, client.makefile("rwb") as stream:
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            line = stream.readline()
        if not line:
            raise errors.ComponentDiedError("the cluster ended while it was asked something")
        reply = json.loads(line)
        if "error" in reply:
            raise getattr(errors, reply["error"])(reply["message"])
        return reply["result"]

    def _connected(self, timeout: float) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(timeout)
        try:
            client.connect(str(self._path))
        except OSError as error:
            client.close()
            raise errors.ComponentDiedError(
                f"the cluster does not run (control socket {self._path}: {error})"
            ) from None
        return client

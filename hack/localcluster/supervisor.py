"""Starts, stops and watches the processes of the cluster. Runs as the first process inside it.

As the first process of a PID namespace it also inherits and reaps every orphan, so nothing here may
use `subprocess`: its waiting and ours would steal each other's children.
"""

from __future__ import annotations

import http.client
import os
import queue
import signal
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from localcluster.component import Component, Probe, Status
from localcluster.errors import ComponentDiedError, LocalClusterError, StartError

LOG_TAIL = 20
FIRST_DESCRIPTOR = 3
POLL_SECONDS = 0.05


@dataclass
class _Process:
    component: Component
    pid: int | None = None
    wanted: bool = False
    frozen: bool = False
    ending: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


class Supervisor:
    """Holds the processes by name; every method may be called from any thread except `spawn_forever`."""

    def __init__(self) -> None:
        self._processes: dict[str, _Process] = {}
        self._lock = threading.Lock()
        self._to_spawn: queue.Queue[tuple[_Process, threading.Event]] = queue.Queue()

    def define(self, component: Component) -> None:
        """Make a component known without starting it; refused if one of that name is running."""
        with self._lock:
            known = self._processes.get(component.name)
            if known is not None and known.pid is not None:
                raise LocalClusterError(f"{component.name} is running: stop it before defining it anew")
            self._processes[component.name] = _Process(component)

    def start(self, name: str) -> None:
        """Start a component and wait until its probe passes; nothing happens if it runs.

        Raises StartError or ComponentDiedError with the tail of its log.
        """
        process = self._named(name)
        if process.pid is None:
            spawned = threading.Event()
            self._to_spawn.put((process, spawned))
            spawned.wait()
        self._wait_until_ready(process)

    def stop(self, name: str) -> None:
        """End a component and wait for its end; nothing happens if it does not run."""
        process = self._named(name)
        process.wanted = False
        self._signal(process, signal.SIGCONT)
        self._signal(process, process.component.stop_signal)
        if process.pid is not None and not process.ended.wait(10):
            self._signal(process, signal.SIGKILL)
            process.ended.wait()
        process.frozen = False

    def freeze(self, name: str) -> None:
        """Let a component hang: it keeps its sockets and answers nothing."""
        process = self._named(name)
        process.frozen = True
        self._signal(process, signal.SIGSTOP)
        # A thread that runs on another core stops a moment after the signal, and may answer until then.
        while process.pid is not None and not _stands_still(process.pid):
            time.sleep(POLL_SECONDS / 10)

    def thaw(self, name: str) -> None:
        """Let a frozen component go on."""
        process = self._named(name)
        process.frozen = False
        self._signal(process, signal.SIGCONT)

    def statuses(self) -> list[Status]:
        """How every known component is."""
        with self._lock:
            return [
                Status(name, it.pid, it.wanted, it.frozen, it.ending, it.component.log)
                for name, it in self._processes.items()
            ]

    def spawn_forever(self) -> None:
        """Start processes as they are asked for. Call it on the main thread.

        Some programs (Envoy) end when the thread that started them ends; the main thread does not.
        """
        threading.Thread(target=self._reap_forever, daemon=True).start()
        while True:
            process, spawned = self._to_spawn.get()
            with self._lock:
                self._spawn(process)
            spawned.set()

    def _spawn(self, process: _Process) -> None:
        component = process.component
        process.ended.clear()
        process.ending = ""
        process.wanted = True
        log = (os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        actions: list[tuple[object, ...]] = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, component.log, *log),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        for offset, descriptor in enumerate(component.listeners):
            actions.append((os.POSIX_SPAWN_DUP2, descriptor, FIRST_DESCRIPTOR + offset))
        try:
            process.pid = os.posix_spawn(
                component.argv[0],
                component.argv,
                component.environment,
                file_actions=actions,
                setsid=True,
            )
        except OSError as error:
            process.ending = f"could not be started: {error}"
            process.ended.set()

    def _reap_forever(self) -> None:
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:
                time.sleep(POLL_SECONDS)
                continue
            if ended is None:
                continue
            # Under the lock no process id is signalled between its end and the note of it.
            with self._lock:
                _, status = os.waitpid(ended.si_pid, 0)
                self._note_end(ended.si_pid, os.waitstatus_to_exitcode(status))

    def _note_end(self, pid: int, code: int) -> None:
        for process in self._processes.values():
            if process.pid == pid:
                process.pid = None
                process.ending = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
                process.ended.set()

    def _wait_until_ready(self, process: _Process) -> None:
        component = process.component
        deadline = time.monotonic() + component.start_timeout
        while not passes(component.probe):
            if process.pid is None:
                raise ComponentDiedError(
                    f"{component.name} ended while starting ({process.ending}); the end of its log "
                    f"{component.log}:\n{log_tail(component.log)}"
                )
            if time.monotonic() > deadline:
                raise StartError(
                    f"{component.name} was not ready after {component.start_timeout:.0f} s; the end of its log "
                    f"{component.log}:\n{log_tail(component.log)}"
                )
            time.sleep(POLL_SECONDS)

    def _named(self, name: str) -> _Process:
        with self._lock:
            if name not in self._processes:
                raise LocalClusterError(f"no component is called {name}; known: {', '.join(self._processes)}")
            return self._processes[name]

    def _signal(self, process: _Process, number: int) -> None:
        with self._lock:
            if process.pid is not None:
                os.kill(process.pid, number)


def passes(probe: Probe) -> bool:
    """Look once; anything but a clear yes is no."""
    try:
        if probe.kind == "http":
            return _answers(probe)
        if probe.kind == "tcp":
            host, _, port = probe.target.rpartition(":")
            socket.create_connection((host, int(port)), timeout=1).close()
        if probe.kind == "unix":
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(probe.target)
    except (OSError, http.client.HTTPException):
        return False
    return True


def _answers(probe: Probe) -> bool:
    url = urlsplit(probe.target)
    host, port = url.hostname or "", url.port or 0
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=probe.authority)
        connection = http.client.HTTPSConnection(host, port, timeout=2, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", url.path or "/")
        return connection.getresponse().status < 300
    finally:
        connection.close()


def log_tail(path: str) -> str:
    """The last lines of a log, or a word that there is none."""
    try:
        with open(path, errors="replace") as file:  # noqa: PTH123 — read as it grows; a path object adds nothing
            lines = file.readlines()[-LOG_TAIL:]
    except OSError as error:
        return f"({error})"
    return "".join(lines).rstrip() or "(it is empty)"


def _stands_still(pid: int) -> bool:
    """Whether every thread of a process is stopped, or the process is gone."""
    try:
        states = [path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):
        return not Path(f"/proc/{pid}").exists()
    return all(state in "TtZX" for state in states)

"""A whole Kubernetes cluster as a context manager."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from localcluster import istio, kwok, machine, metrics_server
from localcluster.api import ApiClient
from localcluster.audit import NOBODY, Audit
from localcluster.build import Programs, ensure_built
from localcluster.control import ControlClient
from localcluster.credentials import make_credentials
from localcluster.enter import import_image, inside_command
from localcluster.errors import ComponentDiedError, KubectlError, LocalClusterError, StartError
from localcluster.guardian import sweep
from localcluster.images import Image, identity
from localcluster.layout import (
    GATEWAY_ADDRESS,
    INSIDE_API,
    ISTIO_GATEWAY_ADDRESS,
    ISTIO_MESH_ADDRESS,
    PROMETHEUS_ADDRESS,
    Layout,
    clusters_directory,
)
from localcluster.recipe import Recipe
from localcluster.startup import COMPONENTS, admin_client, bring_up
from localcluster.supervisor import log_tail

RUN_GUARDIAN = "import sys; from localcluster.guardian import main; main(*sys.argv[1:])"
PACKAGE_PARENT = Path(__file__).parent.parent


@dataclass(frozen=True)
class ComponentHandle:
    """One component of a running cluster. Ports and data survive a stop and a start."""

    name: str
    log_path: Path
    control: ControlClient

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.control.start(self.name)

    def stop(self) -> None:
        """End it; whoever asks it is refused."""
        self.control.stop(self.name)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Let it hang: whoever asks it waits."""
        self.control.freeze(self.name)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self.control.thaw(self.name)

    @property
    def running(self) -> bool:
        """Whether its process exists (frozen ones do)."""
        return self.control.statuses()[self.name].pid is not None


class LocalCluster:
    """A cluster of one node; `with LocalCluster() as cluster:` ends it whatever happens.

    The process that enters it owns it: if that process is killed, the cluster ends too.
    """

    def __init__(self, name: str = "cluster", *, audit: Audit = NOBODY) -> None:
        """Prepare. `audit`: what the API server notes in `layout.audit_log` of what it is asked."""
        self.name = name
        self._audit = audit
        self.layout = Layout(clusters_directory() / f"{name}-{secrets.token_hex(3)}")
        self.control = ControlClient(self.layout.control_socket)
        self._loaded: dict[str, str] = {}
        self._owner_pipe: int | None = None
        self._guardian: subprocess.Popen[bytes] | None = None

    @classmethod
    def attach(cls, root: Path) -> LocalCluster:
        """A handle on a running cluster by its directory; leaving it ends nothing."""
        cluster = cls(root.name.rpartition("-")[0])
        cluster.layout = Layout(root)
        cluster.control = ControlClient(cluster.layout.control_socket)
        return cluster

    def __enter__(self) -> LocalCluster:
        self.up(owned=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def up(self, *, owned: bool) -> None:
        """Start the cluster and wait until it is whole. One that is not owned lives until `down`.

        Raises UnsupportedError where the machine cannot, StartError or ComponentDiedError where it should.
        """
        machine.check()
        programs = self._programs
        sweep()
        self.layout.make()
        try:
            self._start_guardian(owned=owned)
            bring_up(self._recipe(programs), self.control)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """End the cluster and wait until nothing of it is left."""
        guardian = self.guardian if self.layout.facts.exists() else None
        if self._owner_pipe is not None:
            os.close(self._owner_pipe)
            self._owner_pipe = None
        elif guardian is not None:
            _terminate(guardian)
        if self._guardian is not None:
            self._guardian.wait(60)
            self._guardian = None
        if guardian is None:
            shutil.rmtree(self.layout.root, ignore_errors=True)  # it failed before it could

    @cached_property
    def _programs(self) -> Programs:
        return ensure_built()

    @property
    def api_url(self) -> str:
        """The API server, as reached from this machine; its certificate is valid for that."""
        return f"https://127.0.0.1:{self._port(INSIDE_API)}"

    @property
    def gateway_url(self) -> str:
        """Envoy, as reached from this machine."""
        return f"http://127.0.0.1:{self._port(GATEWAY_ADDRESS)}"

    @property
    def istio_gateway_url(self) -> str:
        """Istio's gateway, as reached from this machine once `start_istio` was called."""
        return f"http://127.0.0.1:{self._port(ISTIO_GATEWAY_ADDRESS)}"

    @property
    def istio_mesh_url(self) -> str:
        """The proxy of a client in Istio's mesh, to be asked with a Service's full name in `Host`."""
        return f"http://127.0.0.1:{self._port(ISTIO_MESH_ADDRESS)}"

    @property
    def prometheus_url(self) -> str:
        """Prometheus, as reached from this machine."""
        return f"http://127.0.0.1:{self._port(PROMETHEUS_ADDRESS)}"

    @property
    def guardian(self) -> int:
        """Process id of the guardian, which stands outside and cleans up."""
        return int(self._facts()["guardian"])

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.layout.kubeconfig

    @property
    def enforces_limits(self) -> bool:
        """Whether memory and processor limits of pods hold; else they are accepted only."""
        return bool(self._facts()["limits"])

    def program(self, name: str) -> Path:
        """Path of one of the programs of the cluster, for example `kubectl`."""
        return self._programs[name]

    @cached_property
    def api(self) -> ApiClient:
        """A small client with the administrator's rights; cheaper than starting kubectl."""
        return admin_client(self.layout.certificates, self._port(INSIDE_API))

    def component(self, name: str) -> ComponentHandle:
        """A component by its name; see `localcluster.startup.COMPONENTS`."""
        return ComponentHandle(name, self.layout.logs / f"{name}.log", self.control)

    def __getattr__(self, name: str) -> ComponentHandle:
        """Components as attributes: `cluster.prometheus`, `cluster.kube_proxy`."""
        dashed = name.replace("_", "-")
        if dashed not in COMPONENTS:
            raise AttributeError(f"a cluster has neither an attribute nor a component {name}")
        return self.component(dashed)

    def assert_whole(self) -> None:
        """Raise ComponentDiedError, with the tail of its log, if a component has ended by itself."""
        for status in self.control.statuses().values():
            if status.died:
                raise ComponentDiedError(
                    f"{status.name} has died ({status.ending}); the end of {status.log}:\n{log_tail(status.log)}"
                )

    def kubectl(self, *arguments: str, input: str | None = None, check: bool = True, timeout: float = 60) -> str:  # noqa: A002
        """Run kubectl as the administrator and return what it prints.

        Raises KubectlError with what it wrote to stderr unless `check` is off; then both are returned.
        """
        command = [str(self._programs["kubectl"]), f"--kubeconfig={self.kubeconfig}", *arguments]
        result = subprocess.run(command, input=input, capture_output=True, text=True, timeout=timeout, check=False)
        if check and result.returncode != 0:
            self.assert_whole()
            raise KubectlError(f"kubectl {' '.join(arguments)}: {result.stderr.strip() or result.stdout.strip()}")
        return result.stdout if check else result.stdout + result.stderr

    def run_inside(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        """Run a command inside the cluster's namespaces; `options` are those of `subprocess.run`."""
        options.setdefault("check", True)
        return subprocess.run(self.inside_command(argv), **options)  # noqa: PLW1510 — set above

    def inside_command(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs another inside the cluster's namespaces."""
        return inside_command(self.control, argv)

    def load_image(self, image: Image) -> None:
        """Make an image from files and hand it to the node; pods then use it without pulling.

        Nothing happens if the node has it already as it would be made now.
        """
        made = identity(image)
        if self._loaded.get(image.name) != made:
            import_image(self.control, self._programs, image)
            self._loaded[image.name] = made

    def start_kwok(self, *, nodes: int = 10) -> ComponentHandle:
        """Add fake nodes on which pods are Ready without running: label `type: kwok`, taint `kwok.x-k8s.io/node=fake`.

        kwok is built at its first use. Calling it again adds the nodes that are missing.
        """
        programs = ensure_built(("kwok",))
        handle = self.component(kwok.NAME)
        if kwok.NAME not in self.control.statuses():
            kwok.grant_access(self.api, programs)
            self.control.define(kwok.component(self.layout, programs))
        handle.start()
        kwok.add_nodes(self.api, nodes)
        return handle

    def start_metrics_server(self) -> ComponentHandle:
        """Have `metrics.k8s.io` answered, and wait until it is: half a minute, as usage is measured over time.

        metrics-server is built at its first use. It knows of pods only where `enforces_limits`: what the kubelet tells
        is what their control groups count.
        """
        programs = ensure_built((metrics_server.NAME,))
        handle = self.component(metrics_server.NAME)
        if metrics_server.NAME not in self.control.statuses():
            metrics_server.register(self.api, programs, self.layout)
            self.control.define(metrics_server.component(self.layout, programs, self._audit))
        handle.start()
        metrics_server.wait_for_an_answer(self.api)
        return handle

    def start_istio(self) -> ComponentHandle:
        """Have the objects of Istio and of its GatewayClass carried out, at `istio_gateway_url` and `istio_mesh_url`.

        istiod is built at its first use. Its Envoys are the components `istio-gateway` and `istio-sidecar`.
        """
        programs = ensure_built(("core", istio.GROUP))
        if istio.ISTIOD not in self.control.statuses():
            istio.register(self.api, programs)
            for make in (istio.istiod, istio.gateway, istio.sidecar):
                self.control.define(make(self.layout, programs))
        for name in (istio.ISTIOD, istio.GATEWAY, istio.SIDECAR):
            self.component(name).start()
        istio.wait_until_programmed(self.api)
        istio.be_scraped(self.layout)
        return self.component(istio.ISTIOD)

    def _recipe(self, programs: Programs) -> Recipe:
        facts = self._facts()
        credentials = make_credentials(self.layout, outside_url=self.api_url)
        return Recipe(
            self.layout,
            programs,
            credentials,
            limits=facts["limits"],
            one_id=facts["one_id"],
            audit=self._audit,
        )

    def _start_guardian(self, *, owned: bool) -> None:
        read, write = os.pipe()
        log = self.layout.logs / "guardian.log"
        path = [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH")]
        with log.open("ab") as output:
            self._guardian = subprocess.Popen(
                [sys.executable, "-c", RUN_GUARDIAN, str(self.layout.root), str(read) if owned else "none"],
                pass_fds=[read] if owned else [],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))},
            )
        os.close(read)
        if owned:
            self._owner_pipe = write
        else:
            os.close(write)
        deadline = time.monotonic() + 20
        while not self.layout.control_socket.exists():
            if self._guardian.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"the namespaces could not be made:\n{log_tail(str(log))}")
            time.sleep(0.02)

    def _facts(self) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = json.loads(self.layout.facts.read_text())
        except FileNotFoundError:
            raise LocalClusterError(f"the cluster {self.name} does not run") from None
        return facts

    def _port(self, inside: str) -> int:
        return int(self._facts()["ports"][inside])


def _terminate(guardian: int) -> None:
    """Ask a guardian to end and wait until it has removed everything."""
    try:
        process = os.pidfd_open(guardian)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        select.select([process], [], [], 60)
    finally:
        os.close(process)

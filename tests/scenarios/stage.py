"""The stage of a scenario: one model in one namespace of a real cluster, told about as a user would."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from scenarios.api import Api, Object, eventually
from scenarios.load import Load

IMAGE = "serin.dev/scenario-model:test"
NAME = "digits"
ADMINISTRATOR = "serin-admin"
"""The user of the cluster's own kubeconfig."""

QUICK = {
    "interval": "2s",
    "confirm": 2,
    "minSamples": 10,
    "maxDuration": "10m",
    "metrics": [{"name": "error-rate", "threshold": "5%"}],
}
"""An analysis that decides in seconds: at 50 requests a second the numbers suffice."""


def model(version: str, *, environment: dict[str, str] | None = None, image: str = IMAGE, **spec: Any) -> Object:
    """A ModelDeployment. `environment` says how good this version is; `spec` replaces top-level fields of the spec."""
    variables = [{"name": name, "value": value} for name, value in (environment or {}).items()]
    probe = {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1, "initialDelaySeconds": 0}
    base: Object = {
        "model": {"version": version},
        "template": {
            "metadata": {"annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}},
            "spec": {
                "terminationGracePeriodSeconds": 5,
                "containers": [
                    {
                        "name": "model",
                        "image": image,
                        "imagePullPolicy": "IfNotPresent",
                        "env": variables,
                        "readinessProbe": probe,
                        "ports": [{"containerPort": 8080}],
                    }
                ],
            },
        },
        "replicas": 2,
        "traffic": {"gatewayAPI": {"parentRefs": [{"name": "serin", "namespace": "serin-gateway"}]}},
        "strategy": {"canary": {"steps": [{"weight": 20, "hold": "4s"}, {"weight": 50, "hold": "4s"}]}},
        "rollback": {"keepWarm": "1m", "drain": "2s"},
        "progressDeadline": "20s",
    }
    base.update(spec)
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": NAME},
        "spec": {name: value for name, value in base.items() if value is not None},
    }


@dataclass
class Stage:
    """What a scenario acts on and looks at."""

    api: Api
    gateway_url: str
    operator_log: Callable[[], str] = field(default=lambda: "")
    may_fail: bool = False
    """Whether the operator may fail at an attempt: only where a scenario takes something from it."""

    @property
    def host(self) -> str:
        """The host name of this scenario's route."""
        return f"{self.api.namespace}.example"

    def apply(self, manifest: Object) -> Object:
        """Apply a ModelDeployment; a route that Serin makes listens to this scenario's host name."""
        manifest = copy.deepcopy(manifest)
        gateway = (manifest["spec"].get("traffic") or {}).get("gatewayAPI")
        if gateway and "parentRefs" in gateway:
            gateway["hostnames"] = [self.host]
        return self.api.apply(manifest)

    def load(self, rate: float = 50.0) -> Load:
        """Real requests through Envoy, from when the first one is answered: a new host name takes Envoy a moment."""
        eventually(self.is_served, what=f"an answer from {self.host}")
        return Load(self.gateway_url, self.host, rate)

    def is_served(self) -> bool:
        """Whether this scenario's host name is answered."""
        try:
            return requests.get(self.gateway_url, headers={"Host": self.host}, timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    @property
    def object(self) -> Object:
        """The ModelDeployment now."""
        found = self.api.get("ModelDeployment", NAME)
        assert found is not None, "the ModelDeployment is gone"
        return found

    @property
    def status(self) -> Object:
        """Its status now."""
        status: Object = self.object.get("status") or {}
        return status

    def until(self, what: str, look: Callable[[Object], Any], within: float = 60.0) -> Object:
        """Wait until the status is so, and return it; on failure the status and the operator's log are told."""
        last: Object = {}

        def see() -> Object | None:
            nonlocal last
            last = self.status
            return last if last and look(last) else None

        try:
            found = eventually(see, what=what, within=within)
        except AssertionError as error:
            raise AssertionError(f"{error}\nstatus: {last}\noperator: {self.operator_log()}") from None
        assert found is not None
        return found

    def until_phase(self, phase: str, within: float = 60.0, version: str | None = None) -> Object:
        """Wait for a phase, and for a stable version if one is given, of the spec as it is now."""
        generation = self.object["metadata"]["generation"]
        return self.until(
            f"phase {phase}" + (f" of {version}" if version else ""),
            lambda status: (
                status.get("phase") == phase
                and status.get("observedGeneration") == generation
                and version in {None, status.get("version")}
            ),
            within,
        )

    def condition(self, kind: str) -> Object:
        """One condition."""
        return next(condition for condition in self.status["conditions"] if condition["type"] == kind)

    def revision(self, version: str) -> str:
        """The revision of a version."""
        found: str = next(e["revision"] for e in self.status["revisions"] if e["version"] == version)
        return found

    def pods(self, version: str) -> dict[str, int]:
        """The pods of a version that are not going away: name to restarts."""
        pods = self.api.list("Pod", f"serin.dev/revision={self.revision(version)}")
        return {
            pod["metadata"]["name"]: sum(c["restartCount"] for c in pod["status"].get("containerStatuses", ()))
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"]
        }

    def split(self, name: str = NAME) -> dict[str, int]:
        """The weights in the route, by the backend's name."""
        route = self.api.get("HTTPRoute", name)
        assert route is not None, "the route is gone"
        return {ref["name"]: ref.get("weight", 1) for rule in route["spec"]["rules"] for ref in rule["backendRefs"]}

    def weight(self, version: str) -> int | None:
        """A version's weight in the route; None if it is not in it."""
        return self.split().get(f"{NAME}-{self.revision(version)}")

    def events(self, reason: str) -> list[str]:
        """Messages of the Events with a reason."""
        return [event["message"] for event in self.api.list("Event") if event.get("reason") == reason]

    def deploy(self, manifest: Object) -> Object:
        """Apply a version and wait until it has all the traffic; returns the status."""
        self.apply(manifest)
        return self.until_phase("Healthy", version=manifest["spec"]["model"]["version"])

    @property
    def resource_version(self) -> str:
        """Now, as the API server counts: what is told `since` may begin with it."""
        version: str = self.object["metadata"]["resourceVersion"]
        return version

    def statuses(self, since: str) -> list[Object]:
        """Every status that was written since then."""
        return [state.get("status") or {} for state in self.api.story("ModelDeployment", NAME, since)]

    def steps(self, since: str) -> list[Object]:
        """The steps that a rollout was in since then, in order, each as it was last written."""
        steps: list[Object] = []
        for status in self.statuses(since):
            step = status.get("step")
            if step is None:
                continue
            if steps and (steps[-1]["index"], steps[-1]["plan"]) == (step["index"], step["plan"]):
                steps.pop()
            steps.append(step)
        return steps

    def splits(self, since: str, name: str = NAME) -> list[dict[str, int]]:
        """The splits that the route had since then, in order, each once."""
        splits: list[dict[str, int]] = []
        for route in self.api.story("HTTPRoute", name, since):
            split = {
                ref["name"]: ref.get("weight", 1) for rule in route["spec"]["rules"] for ref in rule["backendRefs"]
            }
            if not splits or splits[-1] != split:
                splits.append(split)
        return splits

    def weights(self, version: str, since: str) -> list[int]:
        """The weights that a version had in the route since then, in order, each once."""
        name = f"{NAME}-{self.revision(version)}"
        weights = [split[name] for split in self.splits(since) if name in split]
        return [weight for number, weight in enumerate(weights) if number == 0 or weights[number - 1] != weight]

    def stays(self, what: str, look: Callable[[Object], Any], *, seconds: float) -> None:
        """Observe for a while that the status stays so: the claim is that nothing happens meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status = self.status
            assert look(status), f"{what}: not any more: {status}\noperator: {self.operator_log()}"
            time.sleep(0.2)

    def act(
        self,
        action: str,
        *,
        user: str = ADMINISTRATOR,
        api: Api | None = None,
        revision: str | None = None,
        **spec: Any,
    ) -> Object:
        """Create a RolloutAction; `api`: as whom, the administrator unless given."""
        current = self.object
        return (api or self.api).create(
            {
                "apiVersion": "serin.dev/v1alpha1",
                "kind": "RolloutAction",
                "metadata": {"generateName": f"{NAME}-{action}-", "namespace": self.api.namespace},
                "spec": {
                    "modelDeployment": NAME,
                    "uid": current["metadata"]["uid"],
                    "revision": revision or current["status"]["candidate"],
                    "action": action,
                    "requestedBy": user,
                    **spec,
                },
            }
        )

"""A world for `plan()`: carries its actions out on plain data, in no time, and keeps a record of what happened.

Pods become Ready and routes are accepted at once, unless a test says otherwise. Nothing of Serin's shell is in here.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from serin.api.ab_test_status import ABTestStatus
from serin.api.action import ActionName, RolloutActionSpec
from serin.api.autoscaling import Autoscaling
from serin.api.children import Owner, revision_in, revision_name
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import AnalysisStatus, MetricStatus, ModelDeploymentStatus, Phase, StepKind, Verdict
from serin.rollout import plan
from serin.rollout.actions import (
    Action,
    Apply,
    Create,
    Delete,
    FreezeConfigMap,
    InspectPods,
    Merge,
    Notice,
    Patch,
    Plan,
    Report,
    WriteScale,
)
from serin.rollout.contest import Contest, Target
from serin.rollout.undone import written
from serin.rollout.world import Advice, Desired, Judgement, Observed, Record, Request, Workload, World
from serin.scaling.asked import asked
from serin.scaling.conditions import Condition, ConditionType, Status
from serin.scaling.history import EMPTY, PastRecommendation
from serin.scaling.remembered import recall
from serin.scaling.report import Recommendation
from serin.traffic.providers import provider_for
from serin.traffic.routing import Routing
from serin.workloads import frozen_name, rejected_of, snapshot_of
from traffic.json_patch import apply_patch

START = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = Owner("ml", "fraud", "uid-fraud")
NO_ROOM = "pod fraud-0 cannot be scheduled: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
ANALYSIS = {"interval": "10s", "metrics": [{"name": "error-rate", "threshold": "2%"}]}


def manifest(version: str = "1.0.0", **changes: Any) -> dict[str, Any]:
    """A spec with three steps and a Gateway; `changes` replace its top-level fields, None takes them out."""
    spec: dict[str, Any] = {
        "model": {"version": version},
        "template": {"spec": {"containers": [{"name": "model", "image": f"example/fraud:{version}"}]}},
        "replicas": 4,
        "traffic": {"gatewayAPI": {"parentRefs": [{"name": "gateway"}]}},
        "strategy": {"canary": {"steps": [{"weight": 10, "hold": "1m"}, {"weight": 50, "hold": "1m"}]}},
        "rollback": {"keepWarm": "10m", "drain": "5s"},
        "progressDeadline": "5m",
    }
    spec.update(changes)
    return {name: value for name, value in spec.items() if value is not None}


@dataclass
class Simulator:
    """One ModelDeployment and the cluster around it."""

    spec: dict[str, Any] = field(default_factory=manifest)
    now: datetime = START
    status: ModelDeploymentStatus = field(default_factory=ModelDeploymentStatus)
    told: ModelDeploymentStatus = field(default_factory=ModelDeploymentStatus)
    untold_since: datetime | None = None
    looking_since: datetime | None = None
    writes: int = 0
    workloads: dict[str, Workload] = field(default_factory=dict)
    services: dict[str, str] = field(default_factory=dict)
    records: dict[str, Any] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    config_maps: dict[str, str] = field(default_factory=dict)
    user_service: dict[str, Any] | None = None
    route: dict[str, Any] | None = None
    other_routes: list[dict[str, Any]] = field(default_factory=list)
    finalizers: tuple[str, ...] = ()
    deleting: bool = False
    gone: bool = False
    generation: int = 1
    taken: set[tuple[str, str]] = field(default_factory=set)
    others: set[tuple[str, str]] = field(default_factory=set)
    """Objects of somebody else, found out when one of the same name is made."""
    invalid_images: set[str] = field(default_factory=set)
    invalid: dict[str, str] = field(default_factory=dict)
    broken_images: set[str] = field(default_factory=set)
    requests: list[Request] = field(default_factory=list)
    verdict: Verdict | None = None
    ticks: int = 100
    samples: float = 1000.0
    metrics: tuple[MetricStatus, ...] = ()
    test: ABTestStatus | None = None
    accept_routes: bool = True
    autoscaled: bool | None = False
    """Whether an autoscaler has written the replicas through /scale."""
    advice: dict[str, Advice] = field(default_factory=dict)
    pod_seconds: float = 0.0
    """How long a pod takes until it is Ready."""
    gpus: int | None = None
    """How many pods find a place; None: there is room for all."""
    places: dict[str, list[datetime | None]] = field(default_factory=dict)
    """Where pods take time or room: since when each pod of a revision has had a place; None: it has none yet."""
    inspected: set[str] = field(default_factory=set)
    actions: list[Action] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    reporting: bool = True
    reports: dict[str, str] = field(default_factory=dict)
    contests: Mapping[Target, Contest] = field(default_factory=dict)
    weights: list[int] = field(default_factory=list)
    last: Plan | None = None

    def apply(self, spec: dict[str, Any]) -> None:
        """The user applies another manifest."""
        self.spec, self.generation = spec, self.generation + 1
        self.settle()

    def settle(self, limit: int = 60) -> None:
        """Plan and act until there is nothing to do at this moment."""
        for _ in range(limit):
            before = self.status
            decided = self.step()
            if self.status == before and all(isinstance(action, InspectPods) for action in decided.actions):
                return
        raise AssertionError(f"no rest after {limit} plans: {decided.status.message}, {decided.actions}")

    def step(self) -> Plan:
        """Plan once and act."""
        self.run_pods()
        decided = plan(self.world())
        self.status = ModelDeploymentStatus.model_validate(decided.status.to_dict())
        assert self.status == decided.status, "a status must survive its way through the API server"
        if decided.tell_by is None:
            # What only repeats what is told is not worth remembering either.
            self.status, self.untold_since = self.told, None
        elif decided.tell_by <= self.now:
            self.writes += self.status != self.told
            self.told, self.untold_since = self.status, None
        else:
            assert decided.wake_at is not None, "what is untold is told in time"
            assert decided.wake_at <= decided.tell_by
            self.untold_since = self.untold_since or self.now
        self.notices += decided.notices
        self.contests = decided.contests
        for action in decided.actions:
            self.actions.append(action)
            if self._finds_other(action):
                break
            self._do(action)
            self.contests = written(self.contests, action, self.now)
            if isinstance(action, Create) and action.revision in self.invalid:
                break  # the executor gives such a plan up
        if self.status.weight is not None and self.weights[-1:] != [self.status.weight]:
            self.weights.append(self.status.weight)
        self.last = decided
        return decided

    def pass_time(self, seconds: float) -> None:
        """Let time pass, waking whenever a plan asked for it, as the clock does."""
        end = self.now + timedelta(seconds=seconds)
        while True:
            self.settle()
            times = [self.last.wake_at if self.last else None, self._next_pod()]
            wake = min((time for time in times if time is not None), default=None)
            if wake is None or wake > end:
                break
            self.now = max(wake, self.now)
        self.now = end
        self.settle()

    def world(self) -> World:
        """The argument of `plan()` as it is now."""
        return World(
            desired=Desired(
                owner=OWNER,
                generation=self.generation,
                resource_version="1",
                spec=ModelDeploymentSpec.model_validate(deepcopy(self.spec)),
                finalizers=self.finalizers,
                deleting_since=self.now if self.deleting else None,
                autoscaled=self.autoscaled,
            ),
            observed=Observed(
                config_maps=dict(self.config_maps),
                records={name: self._record(item) for name, item in self.records.items()},
                workloads=dict(self.workloads),
                services=dict(self.services),
                copies=dict(self.copies),
                user_service=self.user_service,
                route=self.route,
                other_routes=tuple(self.other_routes),
                taken=frozenset(self.taken),
                invalid=dict(self.invalid),
                pods={name: NO_ROOM for name in self.inspected if None in self.places.get(name, ())},
                contests=self.contests,
                requests=tuple(self.requests),
            ),
            status=self.status,
            told=self.told,
            untold_since=self.untold_since,
            judgement=self._judgement(),
            now=self.now,
            looking_since=self.looking_since,
            scaling=dict(self.advice),
        )

    def restart(self) -> None:
        """Another Serin takes over: it knows what is in the cluster, and nothing else."""
        self.status, self.untold_since, self.looking_since = self.told, None, self.now

    def lose_status(self) -> None:
        """Somebody restores a backup that has no status."""
        self.told = ModelDeploymentStatus()
        self.restart()

    def ask(self, action: str, *, revision: str | None = None, step: int | None = None, reason: str = "") -> Request:
        """Somebody creates a RolloutAction."""
        spec = RolloutActionSpec(
            model_deployment=OWNER.name,
            uid=OWNER.uid,
            revision=revision or self.status.candidate or "none",
            step=step,
            action=ActionName(action),
            reason=reason,
            requested_by="alice",
        )
        number = len(self.requests) + 1
        request = Request(f"ask-{number}", f"uid-ask-{number}", self.now, spec, reported=False)
        self.requests.append(request)
        return request

    def advise(self, revision: str, replicas: int, *, concurrency: float | None = None, active: bool = True) -> None:
        """The autoscaler says how many pods a revision needs; a moment is over since it last said so."""
        self.now += timedelta(seconds=1)
        self.advice[revision] = advice_of(self, revision, replicas, concurrency=concurrency, active=active)
        self.settle()

    def entry(self, revision: str | None) -> Any:
        """One revision's status."""
        return next(entry for entry in self.status.revisions if entry.revision == revision)

    @property
    def stable(self) -> str:
        """The stable revision."""
        assert self.status.stable is not None
        return self.status.stable

    @property
    def route_generation(self) -> int:
        """How often the route was written."""
        assert self.route is not None
        generation: int = self.route["metadata"]["generation"]
        return generation

    @property
    def split(self) -> dict[str, int]:
        """The weights that the route really has, by revision."""
        if self.route is None:
            return {}
        backends = self.route["spec"]["rules"][-1]["backendRefs"]
        return {revision_in(OWNER.name, ref["name"]) or ref["name"]: ref["weight"] for ref in backends}

    def routing(self) -> Routing:
        """All that the route really says."""
        read = provider_for(self.route).read_routing(self.route, self._services) if self.route else None
        return read or Routing({})

    def previewed(self) -> str | None:
        """The revision that requests with the preview's headers reach."""
        return next((revision_in(OWNER.name, each.service) for each in self.routing().audiences), None)

    def mirrored(self) -> tuple[str | None, int]:
        """The revision that gets copies of requests, and of how many percent."""
        mirror = self.routing().mirror
        return (revision_in(OWNER.name, mirror.service), mirror.percent) if mirror else (None, 0)

    @property
    def _services(self) -> list[str]:
        return [revision_name(OWNER.name, revision) for revision in self.services]

    def condition(self, kind: str) -> Any:
        """One condition."""
        return next(condition for condition in self.status.conditions if condition.type == kind)

    def _record(self, item: dict[str, Any]) -> Record:
        return Record(item["metadata"]["uid"], item["revision"], snapshot_of(item), rejected_of(item))

    def _judgement(self) -> Judgement | None:
        step = self.status.step
        if self.verdict is None or self.status.candidate is None or step is None:
            return None
        has_audience = step.kind is StepKind.TEST and self.previewed() is not None
        if not self.status.weight and not step.mirror and not has_audience:
            return None
        analysis = AnalysisStatus(
            revision=self.status.candidate,
            started_at=self.status.rollout_started_at or self.now,
            at=self.now,
            verdict=self.verdict,
            reason="Simulated",
            message=f"simulated {self.verdict}",
            ticks=self.ticks,
            samples=self.samples,
            metrics=self.metrics,
            test=self.test,
        )
        return Judgement(analysis, step.since or self.now)

    def _finds_other(self, action: Action) -> bool:
        if not isinstance(action, Create):
            return False
        name = (action.object["kind"], action.object["metadata"]["name"])
        if name in self.others:
            self.taken.add(name)
        return name in self.others

    def _do(self, action: Action) -> None:
        match action:
            case Create() | Apply():
                self._create(action.object)
            case FreezeConfigMap():
                name = frozen_name(action.source, action.revision)
                self.copies[name] = f"uid-{name}"
            case Patch():
                self._patch(action)
            case Merge():
                self._merge(action)
            case Delete():
                self._delete(action)
            case Report():
                self._report(action)
            case WriteScale():
                self.spec = {**self.spec, "replicas": action.replicas}
                self.generation += 1
            case InspectPods():
                self.inspected.add(action.revision)

    def run_pods(self) -> None:
        """Where pods take time or room: find places for those that have none, and see which are Ready by now."""
        if self.gpus is None and not self.pod_seconds:
            return
        self.places = {name: self.places.get(name, []) for name in self.workloads}
        for name, workload in self.workloads.items():
            # A pod without a place is the first to be taken away.
            placed = sorted(self.places[name], key=lambda since: (since is None, since or self.now))
            self.places[name] = (placed + [None] * workload.replicas)[: workload.replicas]
        free = (10_000 if self.gpus is None else self.gpus) - self.placed
        for name, pods in self.places.items():
            for index, since in enumerate(pods):
                if since is None and free > 0:
                    pods[index], free = self.now, free - 1
            ready = sum(since is not None and since + self._pod_time <= self.now for since in pods)
            broken = name in self.broken_images
            self.workloads[name] = replace(self.workloads[name], ready=0 if broken else ready)

    def _next_pod(self) -> datetime | None:
        """When the next pod becomes Ready."""
        times = [since + self._pod_time for pods in self.places.values() for since in pods if since is not None]
        return min((time for time in times if time > self.now), default=None)

    @property
    def _pod_time(self) -> timedelta:
        return timedelta(seconds=self.pod_seconds)

    @property
    def placed(self) -> int:
        """How many pods have a place."""
        return sum(since is not None for pods in self.places.values() for since in pods)

    @property
    def pods(self) -> dict[str, int]:
        """How many pods each revision is meant to have, those without any left out."""
        return {name: workload.replicas for name, workload in self.workloads.items() if workload.replicas}

    def _create(self, item: dict[str, Any]) -> None:
        item = deepcopy(item)
        name = item["metadata"]["name"]
        item["metadata"].setdefault("uid", f"uid-{item['kind']}-{name}")
        item["metadata"]["resourceVersion"] = "1"
        revision = revision_in(OWNER.name, name) or name
        match item["kind"]:
            case "Deployment":
                image = item["spec"]["template"]["spec"]["containers"][0]["image"]
                if image in self.invalid_images:
                    self.invalid[revision] = f"image {image} is refused"
                else:
                    replicas = item["spec"]["replicas"]
                    ready = 0 if image in self.broken_images else replicas
                    self.workloads[revision] = Workload(item["metadata"]["uid"], replicas, ready, settled=True)
                    if image in self.broken_images:
                        self.broken_images.add(revision)
            case "Service" if name == OWNER.name:
                self.user_service = item
            case "Service":
                self.services[revision] = item["metadata"]["uid"]
            case "ControllerRevision":
                self.records[revision] = item
            case "HTTPRoute":
                if self.route is not None:
                    item["metadata"]["generation"] = self.route["metadata"]["generation"]
                self._take_route(item)

    def _take_route(self, route: dict[str, Any]) -> None:
        generation = route["metadata"].get("generation", 0) + 1
        route["metadata"]["generation"] = generation
        self.route = route
        self.accept(accepted=self.accept_routes)

    def accept(self, *, accepted: bool = True) -> None:
        """The Gateway's controller takes the route up, or says nothing of this generation yet."""
        if self.route is None:
            return
        generation = self.route["metadata"]["generation"] if accepted else self.route["metadata"]["generation"] - 1
        conditions = [
            {"type": kind, "status": "True", "reason": kind, "message": "", "observedGeneration": generation}
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parents = self.route["spec"].get("parentRefs") or [{"name": "gateway"}]
        seconds = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        if accepted:
            self.route["metadata"]["managedFields"] = [{"manager": "gateway", "subresource": "status", "time": seconds}]
        self.route["status"] = {
            "parents": [{"parentRef": ref, "controllerName": "test", "conditions": conditions} for ref in parents]
        }

    def _patch(self, action: Patch) -> None:
        name = action.target.name
        if action.target.kind == "Deployment":
            revision = revision_in(OWNER.name, name) or ""
            replicas = action.operations[-1]["value"]
            ready = 0 if revision in self.broken_images else replicas
            self.workloads[revision] = replace(self.workloads[revision], replicas=replicas, ready=ready)
        elif action.target.kind == "HTTPRoute":
            others = [route for route in self.other_routes if route["metadata"]["name"] == name]
            if others:
                self.other_routes = [apply_patch(route, action.operations) for route in others]
                return
            assert self.route is not None
            self._take_route(apply_patch(self.route, action.operations))
        elif action.target.kind == "Service" and name == OWNER.name:
            assert self.user_service is not None
            self.user_service = apply_patch(self.user_service, action.operations)
        else:
            raise AssertionError(f"no simulation of a patch of {action.target.kind}")

    def _merge(self, action: Merge) -> None:
        metadata = action.body["metadata"]
        if action.target.kind == "ModelDeployment":
            self.finalizers = tuple(metadata["finalizers"])
            self.gone = self.deleting and not self.finalizers
            return
        record = self.records[revision_in(OWNER.name, action.target.name) or ""]
        annotations = record["metadata"].setdefault("annotations", {})
        for annotation, value in metadata["annotations"].items():
            if value is None:
                annotations.pop(annotation, None)
            else:
                annotations[annotation] = value

    def _delete(self, action: Delete) -> None:
        name = action.target.name
        revision = revision_in(OWNER.name, name) or ""
        kinds: dict[str, Any] = {
            "Deployment": self.workloads,
            "Service": self.services,
            "ControllerRevision": self.records,
        }
        if action.target.kind == "HTTPRoute":
            self.other_routes = [route for route in self.other_routes if route["metadata"]["name"] != name]
        elif action.target.kind == "ConfigMap":
            self.copies.pop(name)
        else:
            kinds[action.target.kind].pop(revision)

    def _report(self, action: Report) -> None:
        if not self.reporting:
            return
        self.reports[action.target.name] = f"{action.status['phase']}: {action.status['message']}"
        self.requests = [
            replace(request, reported=True) if request.name == action.target.name else request
            for request in self.requests
        ]


def advice_of(
    world: Simulator, revision: str, replicas: int, *, concurrency: float | None = None, active: bool = True
) -> Advice:
    """A pass that counts from the pods that there are, without limits or windows of its own."""
    spec = asked(ModelDeploymentSpec.model_validate(world.spec).autoscaling or Autoscaling(max_replicas=1))
    current = world.entry(revision).replicas
    if revision == world.status.stable and world.status.capacity is not None:
        current = world.status.capacity.whole
    reason = "ValidMetricFound" if active else "FailedGetResourceMetric"
    status = Status.TRUE if active else Status.FALSE
    told = Condition(ConditionType.SCALING_ACTIVE, status, reason, "the HPA looked at cpu", world.now)
    known = next((entry for entry in world.status.autoscaling if entry.revision == revision), None)
    before = recall(known, world.now) if known is not None else EMPTY
    history = replace(before, recommendations=(PastRecommendation(replicas, world.now),)).told(told)
    why = "cpu resource utilization (percentage of request) above target" if replicas > current else ""
    proposal = replicas if active else None
    return Advice(
        world.now,
        Recommendation(current, replicas, history, why, proposal),
        spec,
        concurrency,
        "metrics.k8s.io",
    )


def service_of(revision: str | None) -> str:
    """The Service of a revision."""
    return revision_name(OWNER.name, revision or "")


def phase_of(world: Simulator) -> Phase:
    """The phase now; mypy believes that an attribute stays what an assertion found it to be."""
    return world.status.phase


def roll_out(world: Simulator, version: str = "2.0.0", **changes: object) -> str:
    """Apply a new version and return its revision."""
    world.apply(manifest(version, **changes))
    assert world.status.candidate is not None
    return world.status.candidate

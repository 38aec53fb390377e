"""Sees every change of the cluster as it happens, and says what must never be: it knows nothing of the operator."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fakes.apiserver import FakeApiServer
from fakes.apiserver.store import Happening
from fakes.manual_time import ManualTime
from serin.api.base import parse_duration

Object = dict[str, Any]
Split = Mapping[str, int]
"""Weights in percent by revision."""

ROLLING_OUT = {"Progressing", "Paused", "Promoting", "RollingBack"}
RAMP_BLOCKS = 8


@dataclass
class Rollout:
    """One candidate, as the status told of it."""

    candidate: str
    stages: list[tuple[int, float]]
    """Weight and least time, in seconds, of each stage that the spec had when it began."""
    warm: bool
    free: bool = False
    """Its steps were edited, or somebody asked for something: the order and the times are no more those above."""
    weight: int = 0
    since: datetime | None = None


@dataclass
class Model:
    """What is known of one ModelDeployment."""

    splits: list[tuple[datetime, Split]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    """By revision, of its Deployment's image."""
    rollout: Rollout | None = None
    replicas: list[int] = field(default_factory=list)
    """What the spec had since the operator last came to rest."""
    disturbed: bool = False
    """Pods were taken away since: nobody could have kept the capacity."""


class Watchman:
    """Attributes: `wrong`, what should not have been; `told_bad`, of whom failed requests were really told."""

    def __init__(self, server: FakeApiServer, time: ManualTime) -> None:
        """Watch from now on."""
        self.wrong: list[str] = []
        self.told_bad: set[tuple[str, str]] = set()
        self.models: dict[str, Model] = {}
        self._server = server
        self._store = server.store
        self._time = time
        server.store.listeners.append(self._notice)

    def rest(self) -> None:
        """The operator has seen all and done all: from here on capacity is its own business again."""
        for name, model in self.models.items():
            model.replicas, model.disturbed = model.replicas[-1:], False
            assert name

    def disturb(self, name: str) -> None:
        """Somebody takes away what the operator made."""
        self.models.setdefault(name, Model()).disturbed = True

    def free(self, name: str) -> None:
        """Somebody asks for something: the rollout does not go by its steps alone any more."""
        rollout = self.models.setdefault(name, Model()).rollout
        if rollout is not None:
            rollout.free = True

    def is_bad(self, name: str, revision: str) -> bool:
        """Whether requests of this revision fail."""
        return self.models[name].versions.get(revision, "").endswith("-bad")

    def weights_at(self, when: datetime) -> Iterator[tuple[str, str, int]]:
        """Model, revision and weight of all that was in a route until this time."""
        for name, model in self.models.items():
            split = next((split for since, split in reversed(model.splits) if since < when), {})
            for revision, weight in split.items():
                yield name, revision, weight

    def split(self, name: str) -> Split:
        """The weights that a model's route has now."""
        splits = self.models[name].splits if name in self.models else []
        return splits[-1][1] if splits else {}

    def _notice(self, happening: Happening) -> None:
        plural = happening.kind.plural
        if plural == "modeldeployments":
            self._see_model_deployment(happening)
        elif plural == "httproutes":
            for name in self.models:
                self._see_split(name, happening, _split_of_route(happening, name))
        elif plural == "services" and happening.object["metadata"]["name"] in self.models:
            name = happening.object["metadata"]["name"]
            if not (self._spec(name) or {}).get("traffic"):
                self._see_split(name, happening, _split_of_service(happening))
        elif plural == "deployments":
            self._see_deployment(happening)

    # What the operator decides.

    def _see_model_deployment(self, happening: Happening) -> None:
        item, name = happening.object, happening.object["metadata"]["name"]
        if happening.type == "DELETED":
            self.models.pop(name, None)
            return
        model = self.models.setdefault(name, Model())
        before = happening.before or {"spec": {}}
        if before["spec"] != item["spec"]:
            model.replicas.append(item["spec"].get("replicas", 1))
            edited = any(before["spec"].get(part) != item["spec"].get(part) for part in ("strategy", "analysis"))
            if model.rollout is not None and edited:
                model.rollout.free = True
        status, old = item.get("status") or {}, before.get("status") or {}
        if status != old and "phase" in status and not item["metadata"].get("deletionTimestamp"):
            self.wrong += [f"{name}: {problem}: {_short(status)}" for problem in contradictions(status)]
            self._see_decision(name, model, item["spec"], old, status)

    def _see_decision(self, name: str, model: Model, spec: Object, old: Object, status: Object) -> None:
        rejected, before = status.get("rejected") or {}, old.get("rejected")
        failed = rejected.get("reason") == "AnalysisFailed" and rejected != before
        if failed and (name, rejected["revision"]) not in self.told_bad:
            self.wrong.append(f"{name}: a failure without data that say so: {rejected}")
        candidate = status.get("candidate")
        if candidate is None:
            self._check_promotion(name, model, spec, status)
            model.rollout = None
            return
        if model.rollout is None or model.rollout.candidate != candidate or _begun(old) != _begun(status):
            roles = {entry["revision"]: entry["role"] for entry in old.get("revisions", ())}
            warm = roles.get(candidate) == "Previous"
            model.rollout = Rollout(candidate, stages_of(spec), warm, free=not old or not old.get("revisions"))
        self._see_weight(name, model.rollout, status)

    def _check_promotion(self, name: str, model: Model, spec: Object, status: Object) -> None:
        """Nobody but a person makes a version stable whose requests fail, while it is analyzed."""
        rollout = model.rollout
        if rollout is None or rollout.free or rollout.warm or "analysis" not in spec:
            return
        if rollout.candidate == status.get("stable") and self.is_bad(name, rollout.candidate):
            self.wrong.append(f"{name}: {rollout.candidate} is promoted, though a third of its requests fails")

    def _see_weight(self, name: str, rollout: Rollout, status: Object) -> None:
        weight, now = status.get("weight") or 0, self._time.now()
        if weight > rollout.weight and not rollout.free:
            promoted = status["phase"] == "Promoting" and weight == 100
            if not (promoted and rollout.warm):
                self._check_rise(name, rollout, weight, promoted=promoted)
        elif 0 < weight < rollout.weight and not rollout.free:
            self.wrong.append(f"{name}: the weight falls from {rollout.weight} to {weight}")
        if weight != rollout.weight or rollout.since is None:
            rollout.weight, rollout.since = weight, now

    def _check_rise(self, name: str, rollout: Rollout, weight: int, *, promoted: bool) -> None:
        weights = list(dict.fromkeys([0, *(stage for stage, _ in rollout.stages)]))
        following = weights[weights.index(rollout.weight) + 1 :] if rollout.weight in weights else []
        if weight != (following[0] if following else 100 if promoted else None):
            self.wrong.append(f"{name}: the weight rises from {rollout.weight} to {weight}, its steps are {weights}")
        least = sum(seconds for stage, seconds in rollout.stages if stage == rollout.weight)
        passed = (self._time.now() - (rollout.since or self._time.now())).total_seconds()
        if rollout.weight and passed < least:
            self.wrong.append(f"{name}: {rollout.weight} % for {passed} s instead of {least} s")

    # What it does about it.

    def _see_split(self, name: str, happening: Happening, split: Split | None) -> None:
        if split is None:
            return
        model, before = self.models[name], self.split(name)
        if split != before:
            model.splits.append((self._time.now(), split))
        call = self._server.answering
        spec = self._spec(name)
        if call is None or call.held or spec is None or happening.type == "DELETED":
            return  # not the operator, or one that is no more
        decided = {
            entry["revision"]: entry["weight"]
            for entry in self._status(name).get("revisions", ())
            if entry.get("weight") is not None
        }
        carrying = {revision: weight for revision, weight in split.items() if weight}
        was_carrying = {revision: weight for revision, weight in before.items() if weight}
        wanted = {revision: weight for revision, weight in decided.items() if weight}
        if carrying not in (wanted, was_carrying):
            self.wrong.append(
                f"{name}: {call} writes {dict(split)}, decided was {decided}, before it was {dict(before)}"
            )
        for revision, weight in carrying.items():
            if weight > before.get(revision, 0):
                self._check_pods(name, revision, weight)

    def _check_pods(self, name: str, revision: str, weight: int) -> None:
        found = self._store.find(self._store.kind("deployments"), ("ml", f"{name}-{revision}")) or {"spec": {}}
        ready = found.get("status", {}).get("readyReplicas", 0)
        needed = self._needed(name, weight)
        if ready < needed and not self.models[name].disturbed:
            self.wrong.append(f"{name}: {revision} gets {weight} % with {ready} of {needed} pods")

    def _see_deployment(self, happening: Happening) -> None:
        metadata = happening.object["metadata"]
        name, _, revision = metadata["name"].rpartition("-")
        model = self.models.get(name)
        if model is None:
            return
        image: str = happening.object["spec"]["template"]["spec"]["containers"][0]["image"]
        model.versions[revision] = image.rpartition(":")[2]
        weight, call = self.split(name).get(revision, 0), self._server.answering
        if call is None or call.held or happening.before is None or self._spec(name) is None:
            return
        before = happening.before["spec"]["replicas"]
        after = 0 if happening.type == "DELETED" else happening.object["spec"]["replicas"]
        if after < before and after < self._needed(name, weight) and weight:
            self.wrong.append(f"{name}: {call} leaves {revision} {after} pods for {weight} %")

    def _needed(self, name: str, weight: int) -> int:
        """The pods for a weight, by the smallest number of them that the operator may have read in the spec."""
        return -(-min(self.models[name].replicas) * weight // 100)

    def _spec(self, name: str) -> Object | None:
        """The spec of a ModelDeployment that is there, and not being deleted."""
        found = self._store.find(self._store.kind("modeldeployments"), ("ml", name))
        if found is None or found["metadata"].get("deletionTimestamp"):
            return None
        spec: Object = found["spec"]
        return spec

    def _status(self, name: str) -> Object:
        found = self._store.find(self._store.kind("modeldeployments"), ("ml", name)) or {}
        status: Object = found.get("status") or {}
        return status


def contradictions(status: Object) -> Iterator[str]:
    """What cannot be true of a status at once."""
    phase, candidate, stable = status["phase"], status.get("candidate"), status.get("stable")
    revisions = status.get("revisions", [])
    true = {condition["type"] for condition in status.get("conditions", ()) if condition["status"] == "True"}
    yield from _contradictions_of_weights(status)
    for one, other in itertools.combinations(("Ready", "Reconciling", "Stalled"), 2):
        if {one, other} <= true:
            yield f"{one} and {other}"
    if "Ready" in true and phase != "Healthy":
        yield f"Ready in phase {phase}"
    if phase in ROLLING_OUT and candidate is None:
        yield f"phase {phase} without a candidate"
    if phase == "Healthy" and (candidate is not None or stable is None):
        yield "Healthy with a candidate or without a stable revision"
    for role, revision in (("Candidate", candidate), ("Stable", stable)):
        named = [entry["revision"] for entry in revisions if entry["role"] == role]
        if named != ([revision] if revision else []):
            yield f"{role} is {revision}, but of that role are {named}"


def _contradictions_of_weights(status: Object) -> Iterator[str]:
    phase, candidate, revisions = status["phase"], status.get("candidate"), status.get("revisions", [])
    weights = [entry["weight"] for entry in revisions if entry.get("weight") is not None]
    if weights and sum(weights) != 100:
        yield f"the weights are {weights}"
    shown = next((entry.get("weight") or 0 for entry in revisions if entry["revision"] == candidate), 0)
    if candidate is not None and (status.get("weight") or 0) != shown:
        yield f"the weight is {status.get('weight')} and {shown}"
    rejected = status.get("rejected")
    if rejected and candidate == rejected["revision"] and phase != "RollingBack":
        yield "the candidate was turned away, and is not rolled back"
    if phase == "RollingBack" and shown:
        yield f"rolling back at {shown} %"


def stages_of(spec: Object) -> list[tuple[int, float]]:
    """Weight and least time in seconds of each stage of a canary; a pause for a person has none."""
    if not spec.get("traffic"):
        return []
    stages: list[tuple[int, float]] = []
    for step in spec["strategy"]["canary"]["steps"]:
        if "ramp" in step:
            first, last = step["ramp"]["from"], step["ramp"]["to"]
            seconds = parse_duration(step["ramp"]["over"]).total_seconds() / RAMP_BLOCKS
            rise = (last - first) / (RAMP_BLOCKS - 1)
            stages += [(round(first + rise * block), seconds) for block in range(RAMP_BLOCKS)]
        elif "pause" in step:
            pause = step["pause"].get("duration")
            stages.append((stages[-1][0] if stages else 0, parse_duration(pause).total_seconds() if pause else 0.0))
        else:
            stages.append((step["weight"], parse_duration(step["hold"]).total_seconds()))
    return stages


def _begun(status: Object) -> Any:
    return status.get("rolloutStartedAt")


def _split_of_route(happening: Happening, name: str) -> Split | None:
    """The weights of a model's revisions in a route; None if the route has nothing to do with it."""
    if happening.object["metadata"]["name"] not in {name, f"{name}-own"}:
        return None
    if happening.type == "DELETED":
        return {}
    backends = [backend for rule in happening.object["spec"].get("rules", ()) for backend in rule["backendRefs"]]
    return {
        backend["name"].removeprefix(f"{name}-"): backend.get("weight", 1)
        for backend in backends
        if backend["name"].startswith(f"{name}-")
    }


def _split_of_service(happening: Happening) -> Split:
    selected = happening.object["spec"]["selector"].get("serin.dev/revision")
    return {selected: 100} if selected and happening.type != "DELETED" else {}


def _short(status: Object) -> Object:
    keys = ("phase", "message", "stable", "candidate", "weight", "revisions", "step", "rejected")
    return {key: status[key] for key in keys if key in status}

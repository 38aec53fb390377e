"""The controllers of a real cluster, as far as a rollout needs them: pods become Ready, routes are accepted."""

import asyncio
import copy
from dataclasses import dataclass, field
from typing import Any

from fakes.apiserver.kinds import Kind
from fakes.apiserver.refusals import Refusal
from fakes.apiserver.store import Happening, Name, Object, Store

CONTROLLER = "projectcontour.io/gateway-controller"


@dataclass
class Behavior:
    """How the objects of one kind fare. A name in `held` gets no answer until it is released."""

    enabled: bool = True
    delay_seconds: float = 0.0
    delays: dict[str, float] = field(default_factory=dict)
    """By the object's name, instead of `delay_seconds`."""
    held: set[str] = field(default_factory=set)
    ready: dict[str, int] = field(default_factory=dict)
    """By a Deployment's name: how many of its pods ever become Ready."""
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By an HTTPRoute's name: the reason and message with which it is not accepted."""


class Simulation:
    """Answers changes of Deployments and HTTPRoutes with a status."""

    def __init__(self, store: Store) -> None:
        """Listen to the store."""
        self.deployments = Behavior()
        self.routes = Behavior()
        self._store = store
        self._handles: dict[tuple[Kind, Name], asyncio.TimerHandle] = {}
        store.listeners.append(self._notice)

    def stop(self) -> None:
        """Do nothing more."""
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()
        self.deployments.enabled = self.routes.enabled = False

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way."""
        return bool(self._handles)

    def hang(self) -> None:
        """Answer nothing from now on."""
        self.deployments.enabled = self.routes.enabled = False

    def resume(self) -> None:
        """Answer everything that has no answer yet, and what comes."""
        self.deployments.enabled = self.routes.enabled = True
        self.release()

    def release(self, name: str = "") -> None:
        """Let an object that was held have its answer; all of them without a name."""
        for plural, behavior in (("deployments", self.deployments), ("httproutes", self.routes)):
            behavior.held.difference_update({name} if name else set(behavior.held))
            if any(kind.plural == plural for kind in self._store.kinds.values()):
                kind = self._store.kind(plural)
                for item in self._store.all(kind):
                    if name in {"", item["metadata"]["name"]}:
                        self._schedule(kind, behavior, item)

    def _notice(self, happening: Happening) -> None:
        behavior = {"deployments": self.deployments, "httproutes": self.routes}.get(happening.kind.plural)
        if behavior is not None and happening.type != "DELETED":
            self._schedule(happening.kind, behavior, happening.object)

    def _schedule(self, kind: Kind, behavior: Behavior, item: Object) -> None:
        name = item["metadata"]["name"]
        key = (kind, (item["metadata"].get("namespace", ""), name))
        if not behavior.enabled or name in behavior.held or key in self._handles:
            return
        delay = behavior.delays.get(name, behavior.delay_seconds)
        self._handles[key] = asyncio.get_running_loop().call_later(delay, self._answer, kind, key[1])

    def _answer(self, kind: Kind, name: Name) -> None:
        self._handles.pop((kind, name), None)
        item = self._store.find(kind, name)
        if item is None:
            return
        before = copy.deepcopy(item.get("status"))
        if kind.plural == "deployments":
            item["status"] = _deployment_status(item, self.deployments)
        else:
            item["status"] = _route_status(item, self.routes)
        if item["status"] != before:
            try:
                self._store.update(kind, item, manager="simulation", status=True)
            except Refusal:
                self._schedule(kind, self.deployments if kind.plural == "deployments" else self.routes, item)


def _deployment_status(item: Object, behavior: Behavior) -> Object:
    wanted = item["spec"].get("replicas", 1)
    ready = min(wanted, behavior.ready.get(item["metadata"]["name"], wanted))
    available = "True" if ready >= wanted else "False"
    reason = "MinimumReplicasAvailable" if available == "True" else "MinimumReplicasUnavailable"
    status: dict[str, Any] = {
        "observedGeneration": item["metadata"]["generation"],
        "replicas": wanted,
        "updatedReplicas": wanted,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": wanted - ready,
        "conditions": [{"type": "Available", "status": available, "reason": reason, "message": ""}],
    }
    # The API server leaves out counts that are zero.
    return {key: value for key, value in status.items() if value != 0}


def _route_status(item: Object, behavior: Behavior) -> Object:
    metadata = item["metadata"]
    reason, message = behavior.refused.get(metadata["name"], ("Accepted", "Accepted HTTPRoute"))
    accepted = "True" if reason == "Accepted" else "False"
    common = {"observedGeneration": metadata["generation"], "lastTransitionTime": metadata["creationTimestamp"]}
    conditions = [
        {"type": "Accepted", "status": accepted, "reason": reason, "message": message, **common},
        {
            "type": "ResolvedRefs",
            "status": "True",
            "reason": "ResolvedRefs",
            "message": "References resolved",
            **common,
        },
    ]
    return {
        "parents": [
            {"parentRef": parent, "controllerName": CONTROLLER, "conditions": conditions}
            for parent in item["spec"].get("parentRefs", [])
        ]
    }

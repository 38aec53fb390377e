"""Carries out what a plan asks for. Every action may be repeated; none touches what is not ours."""

import logging
from collections.abc import Callable, Iterable

from serin.api.children import is_controlled_by, selector_labels
from serin.cluster.client import KubeClient
from serin.cluster.errors import AlreadyExists, Conflict, Invalid, NotFound
from serin.cluster.resources import CONFIG_MAP, POD, ObjectKey, Resource, key_of, resource_of
from serin.controller.notes import Notes
from serin.rollout.actions import (
    Action,
    Apply,
    Create,
    Delete,
    FreezeConfigMap,
    InspectPods,
    Merge,
    Object,
    Patch,
    Reference,
    Report,
    WriteScale,
)
from serin.workloads import config_map_digest, frozen_config_map, pod_problem

logger = logging.getLogger(__name__)


class Interrupted(Exception):  # noqa: N818 - nothing is wrong: the world is another one than planned for
    """What the plan was made from has changed: make it anew."""


class Executor:
    """Runs the actions of one plan after another, in order; the first that fails ends its plan."""

    def __init__(self, client: KubeClient, on_written: Callable[[Object], None]) -> None:
        """Prepare.

        Args:
            client: the API server.
            on_written: told of each object as it is after a write, so that the next plan knows of it before the watch
                tells: else it would ask for the same once more.
        """
        self._client = client
        self._on_written = on_written

    async def run(self, key: ObjectKey, uid: str, actions: Iterable[Action], notes: Notes) -> None:
        """Carry the actions out.

        Args:
            key: the ModelDeployment.
            uid: its uid: what it does not control is not touched.
            actions: what to do.
            notes: takes what is learnt on the way.

        Raises:
            Interrupted: the plan is to be made anew.
            ApiError: the API server said no, or nothing.
        """
        for action in actions:
            logger.debug("%s: %s", key, action)
            await self._do(key, uid, action, notes)

    async def _do(self, key: ObjectKey, uid: str, action: Action, notes: Notes) -> None:
        match action:
            case Create():
                await self._create(action.object, uid, notes, revision=action.revision)
                notes.has_written(action)
            case Apply():
                await self._apply(action)
                notes.has_written(action)
            case FreezeConfigMap():
                await self._freeze(action, notes)
            case Patch():
                await self._patch(action)
                notes.has_written(action)
            case Merge():
                await self._merge(action)
            case WriteScale():
                await self._write_scale(action)
            case Delete():
                await self._delete(action)
            case Report():
                await self._report(action)
            case InspectPods():
                await self._inspect(key, action, notes)

    async def _create(self, manifest: Object, uid: str, notes: Notes, *, revision: str | None = None) -> None:
        try:
            self._on_written(await self._client.create(manifest))
        except AlreadyExists as error:
            key = key_of(manifest)
            there = await self._client.get(resource_of(manifest), key.namespace, key.name)
            if not is_controlled_by(there, uid):
                notes.name_is_taken(manifest["kind"], key.name)
                raise Interrupted(f"{manifest['kind']} {key} is somebody else's") from error
            self._on_written(there)
        except Invalid as error:
            if revision is None:
                raise
            notes.template_is_invalid(revision, error.words)
            raise Interrupted(f"the template of {revision} is refused: {error.words}") from error

    async def _apply(self, action: Apply) -> None:
        try:
            written = await self._client.apply(action.object)
        except Conflict as error:
            raise Interrupted(str(error)) from error
        self._on_written(written)

    async def _freeze(self, action: FreezeConfigMap, notes: Notes) -> None:
        namespace = action.owner.namespace
        try:
            source = await self._client.get(CONFIG_MAP, namespace, action.source)
        except NotFound as error:
            raise Interrupted(f"ConfigMap {namespace}/{action.source} is gone") from error
        digest = config_map_digest(source.get("data"), source.get("binaryData"))
        if digest != action.snapshot.config_maps.get(action.source):
            # Its watch may be far behind: then the next plan would ask for the same, again and again.
            self._on_written(source)
            raise Interrupted(f"ConfigMap {namespace}/{action.source} has changed since the revision was named")
        copy = frozen_config_map(action.owner, action.revision, action.snapshot, source)
        await self._create(copy, action.owner.uid, notes)

    async def _patch(self, action: Patch) -> None:
        resource, target = _resource(action.target), action.target
        try:
            written = await self._client.json_patch(resource, target.namespace, target.name, action.operations)
        except (Conflict, Invalid, NotFound) as error:
            # A `test` operation that does not hold is answered as invalid: somebody was there before us.
            raise Interrupted(str(error)) from error
        self._on_written(written)

    async def _merge(self, action: Merge) -> None:
        resource, target = _resource(action.target), action.target
        try:
            written = await self._client.merge_patch(resource, target.namespace, target.name, dict(action.body))
        except (Conflict, NotFound) as error:
            raise Interrupted(str(error)) from error
        self._on_written(written)

    async def _write_scale(self, action: WriteScale) -> None:
        resource, target = _resource(action.target), action.target
        body: Object = {
            "metadata": {"resourceVersion": action.resource_version},
            "spec": {"replicas": action.replicas},
        }
        try:
            # What is answered is a Scale: the watch tells of the ModelDeployment.
            await self._client.merge_patch(resource, target.namespace, target.name, body, subresource="scale")
        except (Conflict, NotFound) as error:
            raise Interrupted(str(error)) from error

    async def _delete(self, action: Delete) -> None:
        resource, target = _resource(action.target), action.target
        try:
            await self._client.delete(resource, target.namespace, target.name, uid=action.uid)
        except (NotFound, Conflict):
            logger.debug("%s %s is gone already, or a namesake", target.kind, target.name)

    async def _report(self, action: Report) -> None:
        resource, target = _resource(action.target), action.target
        body: Object = {"status": dict(action.status)}
        try:
            written = await self._client.merge_patch(
                resource, target.namespace, target.name, body, subresource="status"
            )
        except NotFound:
            logger.debug("RolloutAction %s is gone", target.name)
        else:
            self._on_written(written)

    async def _inspect(self, key: ObjectKey, action: InspectPods, notes: Notes) -> None:
        if notes.pods_are_fresh(action.revision):
            return
        labels = selector_labels(key.name, action.revision)
        selector = ",".join(f"{label}={value}" for label, value in labels.items())
        pods = await self._client.list(POD, key.namespace, selector=selector)
        problem = pod_problem(pods.items)
        notes.pods_say(action.revision, problem)
        if problem:
            raise Interrupted(problem)


def _resource(target: Reference) -> Resource:
    return resource_of({"apiVersion": target.api_version, "kind": target.kind})

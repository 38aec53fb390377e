"""The loop that joins the rooms: observe, plan, write the status, act."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from serin.api.status import ModelDeploymentStatus, Phase
from serin.audit import Head
from serin.cluster.client import Object
from serin.cluster.errors import ApiError, Conflict, NotFound
from serin.cluster.events import EventRecorder
from serin.cluster.resources import MODEL_DEPLOYMENT, ObjectKey
from serin.cluster.status_writer import StatusWriter
from serin.controller.analysis import AnalysisDesk
from serin.controller.autoscaling import AutoscalingDesk
from serin.controller.clock import Clock, TimeSource
from serin.controller.executor import Executor, Interrupted
from serin.controller.journal import Journal
from serin.controller.observe import Untold, observe
from serin.controller.queue import Again, WorkQueue
from serin.controller.store import Store
from serin.rollout import plan
from serin.rollout.actions import Plan
from serin.rollout.world import World

logger = logging.getLogger(__name__)


@dataclass
class Loop:
    """Reconciles one ModelDeployment at a time per worker; it decides nothing itself."""

    store: Store
    queue: WorkQueue[ObjectKey]
    clock: Clock[ObjectKey]
    desk: AnalysisDesk
    autoscaling: AutoscalingDesk
    writer: StatusWriter
    on_written: Callable[[Object], None]
    executor: Executor
    events: EventRecorder
    time: TimeSource
    journal: Journal | None
    status_refresh_seconds: float
    looking_since: datetime
    untold: dict[ObjectKey, Untold] = field(default_factory=dict)

    async def reconcile(self, key: ObjectKey) -> None:
        """Bring one ModelDeployment a step further.

        The status is written before anything is done about it, and only onto the object that was decided about: a
        killed operator goes on from what it had decided, and one that was overtaken has no effect.
        """
        manifest = self.store.get(MODEL_DEPLOYMENT, key)
        if manifest is None:
            self.forget(key)
            return
        try:
            world = self._observe(key, manifest)
        except ValidationError as error:
            await self._tell_unreadable(key, manifest, error)
            return
        decided = plan(world)
        try:
            if decided.tell_by is not None and decided.tell_by <= world.now:
                await self._write_status(key, manifest, decided)
                self._log(world, decided.status)
            else:
                self._remember(key, world, decided)
                self._log(world, world.told)
        except Conflict as error:
            raise Again(f"it has changed since it was planned for: {error}") from error
        except NotFound:
            return  # the watch tells that it is gone
        self._follow(key, world, decided)
        self.store.notes(key).contests = decided.contests
        self._schedule(key, decided)
        for notice in decided.notices:
            logger.info("%s: %s", key, notice.message, extra={"object": str(key), "reason": notice.reason})
            if notice.event:
                self.events.record(manifest, notice.reason, notice.message, type=notice.type)
        await self._act(key, manifest, world, decided)

    def _follow(self, key: ObjectKey, world: World, decided: Plan) -> None:
        """Let those who measure know what is decided."""
        uid, spec = world.desired.owner.uid, world.desired.spec
        self.desk.follow(key, uid, spec, decided.status)
        if world.desired.deleting_since is None:
            self.autoscaling.follow(key, uid, spec, decided.status)
        else:
            self.autoscaling.forget(key)

    def _observe(self, key: ObjectKey, manifest: Object) -> World:
        return observe(
            self.store,
            manifest,
            untold=self.untold.get(key),
            logged=self.journal.head(manifest["metadata"]["uid"]) if self.journal else None,
            judgement=self.desk.judgement(key),
            scaling=self.autoscaling.advice(key),
            now=self.time.now(),
            status_refresh_seconds=self.status_refresh_seconds,
            looking_since=self.looking_since,
        )

    async def _write_status(self, key: ObjectKey, manifest: Object, decided: Plan) -> None:
        written = await self.writer.write(manifest, decided.status.to_dict())
        self.untold.pop(key, None)
        if written is None:
            return
        # What was decided may allow the next thing at once: the changed object brings its key into the queue again.
        self.on_written(written)
        rejected = decided.status.rejected
        if rejected is not None:
            self.store.notes(key).template_was_told(rejected.revision)

    def _log(self, world: World, told: ModelDeploymentStatus) -> None:
        """Bring the records that stand in the cluster into the audit log, those from before a restart too."""
        if self.journal is not None and told.audit is not None:
            head = Head(told.audit.sequence, told.audit.hash)
            self.journal.hand_over(world.desired.owner.uid, head, told.audit.pending)

    def _remember(self, key: ObjectKey, world: World, decided: Plan) -> None:
        """Keep what is not worth a write yet."""
        if decided.tell_by is None:
            self.untold.pop(key, None)
        else:
            self.untold[key] = Untold(world.told, decided.status, world.untold_since or world.now)

    def _schedule(self, key: ObjectKey, decided: Plan) -> None:
        times: list[datetime] = [time for time in (decided.wake_at, self.store.notes(key).looks_again_at()) if time]
        self.clock.wake_at(key, min(times, default=None))

    async def _act(self, key: ObjectKey, manifest: Object, world: World, decided: Plan) -> None:
        uid = world.desired.owner.uid
        try:
            await self.executor.run(key, uid, decided.actions, self.store.notes(key))
        except Interrupted as interruption:
            raise Again(str(interruption)) from interruption
        except ApiError as error:
            self.events.record(manifest, "ActionFailed", str(error), type="Warning")
            raise

    async def _tell_unreadable(self, key: ObjectKey, manifest: Object, error: ValidationError) -> None:
        """An object that cannot be read stays as it is and hurts no other; its status says which field is wrong."""
        first = error.errors()[0]
        field = ".".join(str(part) for part in ("spec", *first["loc"]))
        message = f"{field}: {first['msg']}; found {first['input']!r}"[:1024]
        logger.error("%s cannot be read: %s", key, message, extra={"object": str(key)})
        self.clock.wake_at(key, None)
        self.events.record(manifest, "Unreadable", message, type="Warning")
        status = {**(manifest.get("status") or {}), "phase": Phase.DEGRADED.value, "message": message}
        written = await self.writer.write(manifest, status)
        if written is not None:
            self.on_written(written)

    def forget(self, key: ObjectKey) -> None:
        """Drop what is waited for and what was measured: the ModelDeployment is gone, or another's to care for."""
        self.clock.wake_at(key, None)
        self.untold.pop(key, None)
        self.desk.forget(key)
        self.autoscaling.forget(key)
        self.writer.forget(key)
        self.queue.forget(key)

"""Follows the ModelDeployment and its events, for the view and for the chapters that wait for something."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes.aio import client, config

from demo.chapters import MODEL, NAMESPACE
from demo.scene import EventLine
from serin.api.names import GROUP, KIND, VERSION
from serin.api.status import ModelDeploymentStatus

PERIOD_SECONDS = 0.4


class Observation:
    """The last state that was seen, and a way to wait for another."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._changed = asyncio.Condition()
        self.status = ModelDeploymentStatus()
        self.events: tuple[EventLine, ...] = ()

    async def until(self, condition: Callable[[ModelDeploymentStatus], bool]) -> ModelDeploymentStatus:
        """Wait until `condition(status)` holds; returns the status with which it did."""
        async with self._changed:
            await self._changed.wait_for(lambda: condition(self.status))
            return self.status

    async def see(self, status: ModelDeploymentStatus, events: tuple[EventLine, ...]) -> None:
        """Take a new state and wake who waits for it."""
        async with self._changed:
            self.status, self.events = status, events
            self._changed.notify_all()

    async def run(self) -> None:
        """Follow the cluster until cancelled."""
        raise NotImplementedError


class Observer(Observation):
    """Looks at the cluster. A look that fails leaves the last state as it was."""

    def __init__(self, kubeconfig: Path) -> None:
        """Look at nothing before `run`."""
        super().__init__()
        self._kubeconfig = kubeconfig

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        async with await config.new_client_from_config(config_file=str(self._kubeconfig)) as api:
            while True:
                with contextlib.suppress(client.ApiException, aiohttp.ClientError, TimeoutError):
                    await self._look(api)
                await asyncio.sleep(PERIOD_SECONDS)

    async def _look(self, api: Any) -> None:
        document = await client.CustomObjectsApi(api).get_namespaced_custom_object(
            GROUP, VERSION, NAMESPACE, "modeldeployments", MODEL
        )
        events = await client.CoreV1Api(api).list_namespaced_event(
            NAMESPACE, field_selector=f"involvedObject.kind={KIND},involvedObject.name={MODEL}"
        )
        await self.see(
            ModelDeploymentStatus.model_validate(document.get("status") or {}),
            tuple(map(event_line, sorted(events.items, key=happened))),
        )


def happened(event: Any) -> tuple[datetime, int]:
    """Return when an event happened last, and what tells apart the events of one second."""
    series = event.series.last_observed_time if event.series else None
    at = series or event.last_timestamp or event.event_time or event.metadata.creation_timestamp
    return at or datetime.now(UTC), int(event.metadata.resource_version or 0)


def event_line(event: Any) -> EventLine:
    """Read an event of either API group."""
    return EventLine(
        at=happened(event)[0],
        reason=event.reason or "",
        message=event.message or "",
        warning=event.type == "Warning",
    )

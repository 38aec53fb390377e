"""Two operators, of which one leads; when it dies the other one takes over, as soon as the Lease has run out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry

from controller.mortal import Kill, Mortal
from fakes.apiserver import Call, FakeApiServer
from fakes.steady_time import ManualSteadyTime
from fakes.waiting import until
from serin.cluster.client import KubeClient
from serin.cluster.lease import Elector
from serin.cluster.metrics import ClientMetrics, ElectionMetrics
from serin.controller.operator import Measuring, Operator
from serin.controller.settings import Settings


@dataclass
class Replica:
    """One operator with its elector, and connections by which its requests are known."""

    identity: str
    client: KubeClient
    elector: Elector
    operator: Operator
    task: asyncio.Task[None]

    async def close(self) -> None:
        """Close its connections."""
        await self.client.close()
        await self.elector._client.close()

    def sent(self, call: Call) -> bool:
        """Whether a request is this one's; matches calls for faults."""
        return call.headers.get("Authorization") == f"Bearer {self.identity}"


class Relay(Mortal):
    """Use `relay`. `time` is that of rollouts, `steady` that of the Lease."""

    def __init__(self, server: FakeApiServer, kill: Kill | None) -> None:
        self.steady = ManualSteadyTime()
        self.replicas: list[Replica] = []
        super().__init__(server, client_of(server, "nobody"), kill)

    @property
    def leader(self) -> Replica:
        """Who acts."""
        (leader,) = (replica for replica in self.replicas if replica.elector.leads)
        return leader

    async def start(self) -> None:
        """First both; then whoever is left takes over."""
        if not self.replicas:
            for identity in ("first", "second"):
                await self.add(identity)
        else:
            await self.replicas.pop(0).close()
            await self.take_over()
        self.operator, self._task = self.leader.operator, self.leader.task

    async def add(self, identity: str) -> Replica:
        """Start an operator; it has seen everything when this returns, and acts if nobody else does."""
        client, election = client_of(self.server, identity), client_of(self.server, identity)
        elector = Elector(
            election,
            namespace="serin-system",
            name="serin-operator",
            identity=identity,
            metrics=ElectionMetrics(CollectorRegistry()),
            time=self.steady,
        )
        settings = replace(Settings(), http_address="127.0.0.1", http_port=0)
        operator = Operator(
            settings, client, Measuring(self.collector, self.signals), CollectorRegistry(), self.time, elector=elector
        )
        replica = Replica(identity, client, elector, operator, asyncio.create_task(operator.run()))
        self.replicas.append(replica)
        await asyncio.wait_for(operator.synced.wait(), 10)
        await until(lambda: operator._acting or elector._leader)
        return replica

    async def take_over(self) -> None:
        """Let the Lease run out, and the last one begin."""
        last = self.replicas[-1]
        for _ in range(40):
            self.steady.advance(0.5)
            await asyncio.sleep(0.01)
            if last.operator._acting and last.elector.leads:
                return
        raise AssertionError(f"{last.identity} does not take over")

    async def end(self) -> None:
        """Stop all that still run."""
        for replica in self.replicas:
            replica.operator.stop()
        await asyncio.wait_for(asyncio.gather(*(replica.task for replica in self.replicas)), 20)
        for replica in self.replicas:
            await replica.close()
        await self.client.close()


def client_of(server: FakeApiServer, identity: str) -> KubeClient:
    """Connections by which a replica's requests are known."""
    configuration = server.configuration()
    configuration.api_key["BearerToken"] = f"Bearer {identity}"
    return KubeClient(configuration, ClientMetrics(CollectorRegistry()))


@asynccontextmanager
async def relay(kill: Kill | None = None) -> AsyncIterator[Relay]:
    """Two operators that have started."""
    async with FakeApiServer() as server:
        both = Relay(server, kill)
        await both.start()
        try:
            yield both
        finally:
            await both.end()

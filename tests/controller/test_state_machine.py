"""Whatever users, the API server, Prometheus and death do to it, in whatever order: what must always hold.

The whole operator runs; `Watchman` sees every change in the fake API server at the moment at which it happens.
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from controller.fleet import BAD, PROMETHEUS_FAULTS, WATCHED, Fleet, hurried, model
from controller.whole import Object
from fakes.apiserver import Call, Drop, ErrorEvent, FakeApiServer, Hold, Lag, Refuse, Repeat, Silence, Stale

NAMES = ("ada", "bob", "cyd")
GOOD = ("1.0.0", "2.0.0", "3.0.0")
VERSIONS = (*GOOD, "8.0.0" + BAD, "9.0.0" + BAD)
STEPS: tuple[list[dict[str, Any]], ...] = (
    [{"weight": 20, "hold": "60s"}, {"weight": 50, "hold": "60s"}],
    [{"weight": 10, "hold": "20s"}, {"pause": {"duration": "45s"}}, {"weight": 80, "hold": "30s"}],
    [{"ramp": {"from": 10, "to": 80, "over": "4m"}}],
    [{"weight": 100, "hold": "60s"}],
    [{"weight": 30, "hold": "30s"}, {"pause": {}}, {"weight": 60, "hold": "30s"}],
)
ANALYSIS = {"interval": "15s", "confirm": 2, "metrics": [{"name": "error-rate", "threshold": "2%"}]}
PARTS = {
    "version": st.sampled_from(GOOD),
    "traffic": st.sampled_from(["made", "own", "none"]),
    "steps": st.sampled_from(STEPS),
    "analyzed": st.sampled_from([True, True, False]),
    "replicas": st.sampled_from([1, 2, 5]),
    "warm": st.sampled_from(["0s", "2m"]),
}
CHILDREN = ("deployments", "services", "controllerrevisions", "configmaps", "httproutes")
REFUSALS = (
    (409, "Conflict"),
    (429, "TooManyRequests"),
    (500, "InternalError"),
    (503, "ServiceUnavailable"),
    (410, "Expired"),
)
CALLS_OF_A_ROLLOUT = 60
"""At most, with all that can happen to one between two rules; a hot loop makes hundreds of them."""


class FleetMachine(RuleBasedStateMachine):
    """Users, the API server, Prometheus, death and time, at random."""

    @initialize(models=st.lists(st.fixed_dictionaries(PARTS), min_size=1, max_size=len(NAMES)))
    def start(self, models: list[Object]) -> None:
        self.names, self.numbers, self.doubts = NAMES[: len(models)], itertools.count(1), 0
        self.specs: dict[str, Object] = {}
        self.hurry = hurried()
        self.hurry.__enter__()
        self.loop = asyncio.new_event_loop()
        self.server = FakeApiServer()
        self.do(self.server.__aenter__)
        self.fleet = Fleet(self.server)
        self.store = self.server.store
        for name in NAMES:
            self.write_settings(name, "1")
        self.do(self.fleet.start)
        for name, parts in zip(self.names, models, strict=True):
            self.create(name, parts)
        self.settle()

    def do(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return self.loop.run_until_complete(work())

    def change(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        """Change something in the store, whose simulation wants a running loop."""

        async def work() -> None:
            method(*arguments, **options)

        if self.loop.is_running():
            method(*arguments, **options)
        else:
            self.loop.run_until_complete(work())

    def settle(self) -> None:
        """Let everything be seen and done, as far as the faults allow; then look at what it took."""
        before = len(self.server.log)
        self.do(self.fleet.settle)
        calls = [str(call) for call in self.server.log[before:] if not call.watch and call.plural != "leases"]
        bound = CALLS_OF_A_ROLLOUT * len(self.names)
        assert len(calls) <= bound, f"{len(calls)} calls: {calls[-30:]}"
        if not self.fleet.clouded:
            self.fleet.watchman.rest()

    # What users do.

    def spec(self, version: str, traffic: str, **parts: Any) -> Object:
        spec: Object = {"rollback": {"keepWarm": parts["warm"], "drain": "5s"}, "replicas": parts["replicas"]}
        if traffic != "none":
            gateway: Object = {"parentRefs": [{"name": "public"}]}
            if traffic == "own":
                gateway = {"httpRoute": {"name": f"{parts['name']}-own"}}
            spec["traffic"] = {"gatewayAPI": gateway}
            spec["strategy"] = {"canary": {"steps": parts["steps"]}}
            if parts["analyzed"]:
                spec["analysis"] = ANALYSIS
        return model(parts["name"], version, **spec)

    def apply(self, name: str, spec: Object) -> None:
        kind, manifest = (
            self.store.kind("modeldeployments"),
            {"metadata": {"name": name, "namespace": "ml"}, "spec": spec},
        )
        present = self.store.find(kind, ("ml", name))
        if present is None:
            self.change(self.store.create, kind, manifest, manager="kubectl")
        elif present["metadata"].get("deletionTimestamp"):
            return
        else:
            self.change(self.store.update, kind, {**present, "spec": spec}, manager="kubectl", status=False)
        self.specs[name] = spec

    def write_settings(self, name: str, content: str) -> None:
        kind, key = self.store.kind("configmaps"), ("ml", f"{name}-settings")
        item = {"metadata": {"name": key[1], "namespace": "ml"}, "data": {"content": content}}
        if self.store.find(kind, key) is None:
            self.change(self.store.create, kind, item, manager="kubectl")
        else:
            self.change(self.store.update, kind, item, manager="kubectl", status=False)

    def there(self, plural: str, name: str) -> bool:
        return self.store.find(self.store.kind(plural), ("ml", name)) is not None

    def draw_model(self, data: st.DataObject) -> str | None:
        there = [name for name in self.names if self.there("modeldeployments", name) and name in self.specs]
        return data.draw(st.sampled_from(there)) if there else None

    @precondition(lambda self: self.missing())
    @rule(data=st.data(), parts=st.fixed_dictionaries(PARTS))
    def somebody_creates_a_model(self, data: st.DataObject, parts: Object) -> None:
        self.create(data.draw(st.sampled_from(self.missing())), parts)
        self.settle()

    def missing(self) -> list[str]:
        return [name for name in self.names if not self.there("modeldeployments", name)]

    def create(self, name: str, parts: Object) -> None:
        if parts["traffic"] == "own" and not self.there("httproutes", f"{name}-own"):
            self.change(self.store.create, self.store.kind("httproutes"), own_route(name), manager="kubectl")
        self.apply(name, self.spec(name=name, **parts))

    @rule(
        data=st.data(),
        version=st.sampled_from(VERSIONS),
        seconds=st.sampled_from([0, 70, 140]),
        fault=st.sampled_from(PROMETHEUS_FAULTS),
    )
    def a_version_is_rolled_out(self, data: st.DataObject, version: str, seconds: int, fault: str) -> None:
        name = self.draw_model(data)
        if name is not None:
            image = f"example.com/{name}:{version}"
            spec = self.specs[name]
            (container,) = spec["template"]["spec"]["containers"]
            template = {"spec": {"containers": [{**container, "image": image}]}}
            self.apply(name, {**spec, "model": {"version": version}, "template": template})
            self.settle()
            self.time_passes(seconds)
            self.fleet.prometheus.fault = fault
            self.time_passes(seconds)

    @rule(
        data=st.data(),
        change=st.one_of(
            st.builds(lambda steps: {"strategy": {"canary": {"steps": steps}}}, st.sampled_from(STEPS)),
            st.builds(lambda replicas: {"replicas": replicas}, st.sampled_from([1, 2, 5])),
            st.builds(lambda paused: {"paused": paused}, st.booleans()),
            st.builds(lambda warm: {"rollback": {"keepWarm": warm, "drain": "5s"}}, st.sampled_from(["0s", "2m"])),
            st.sampled_from([{"analysis": ANALYSIS}, {"analysis": None}]),
        ),
    )
    def somebody_edits_a_spec(self, data: st.DataObject, change: Object) -> None:
        name = self.draw_model(data)
        if name is None or ({"strategy", "analysis"} & change.keys() and "traffic" not in self.specs[name]):
            return
        spec = {**self.specs[name], **change}
        self.apply(name, {key: value for key, value in spec.items() if value is not None})
        self.settle()

    @rule(data=st.data(), content=st.sampled_from(["1", "2"]))
    def somebody_edits_the_settings(self, data: st.DataObject, content: str) -> None:
        name = self.draw_model(data)
        if name is not None:
            self.write_settings(name, content)
            self.settle()

    @rule(data=st.data(), action=st.sampled_from(["pause", "resume", "promote", "abort", "retry"]))
    def somebody_asks(self, data: st.DataObject, action: str) -> None:
        name = self.draw_model(data)
        if name is not None:
            self.ask(name, action)
            self.settle()

    def ask(self, name: str, action: str) -> None:
        item = self.store.get(self.store.kind("modeldeployments"), ("ml", name))
        status = item.get("status") or {}
        revision = (status.get("rejected") or {}).get("revision") if action == "retry" else status.get("candidate")
        if revision is None:
            return
        if action in {"promote", "resume", "retry"}:
            self.fleet.watchman.free(name)
        spec = {"modelDeployment": name, "uid": item["metadata"]["uid"], "revision": revision}
        manifest = {
            "metadata": {"name": f"{action}-{next(self.numbers)}", "namespace": "ml"},
            "spec": {**spec, "action": action, "requestedBy": "jane"},
        }
        self.change(self.store.create, self.store.kind("rolloutactions"), manifest, manager="kubectl")

    @rule(data=st.data())
    def somebody_deletes_a_model(self, data: st.DataObject) -> None:
        name = self.draw_model(data)
        if name is not None:
            self.change(self.store.delete, self.store.kind("modeldeployments"), ("ml", name))
            self.settle()

    @rule(data=st.data(), plural=st.sampled_from(CHILDREN))
    def somebody_deletes_a_child(self, data: st.DataObject, plural: str) -> None:
        kind = self.store.kind(plural)
        there = [item["metadata"]["name"] for item in self.store.all(kind) if item["metadata"].get("ownerReferences")]
        if there:
            child = data.draw(st.sampled_from(there))
            for name in self.names:
                self.fleet.watchman.disturb(name)
            self.change(self.store.delete, kind, ("ml", child))
            self.settle()

    # What goes wrong.

    @rule(
        refusal=st.sampled_from(REFUSALS),
        method=st.sampled_from(["PUT", "POST", "PATCH", "DELETE", "GET", ""]),
        after=st.integers(0, 4),
        times=st.integers(1, 4),
    )
    def the_api_server_refuses(self, refusal: tuple[int, str], method: str, after: int, times: int) -> None:
        code, reason = refusal
        fault = Refuse(code, reason, retry_after=0 if code == 429 else None)
        self.server.faults.add(fault, the_next(method, after=after), times=times)

    @rule(after=st.integers(0, 6), after_effect=st.booleans(), times=st.integers(1, 2))
    def connections_are_reset(self, after: int, after_effect: bool, times: int) -> None:
        self.doubts += 1
        self.server.faults.add(Drop(after_effect=after_effect), the_next("", after=after), times=times)

    @rule(after=st.integers(0, 6), after_effect=st.booleans())
    def an_answer_does_not_come_in_time(self, after: int, after_effect: bool) -> None:
        self.doubts += 1
        held = Hold(after_effect=after_effect)
        self.server.faults.add(held, the_next("write", after=after))
        self.fleet.holds.append(held)

    @precondition(lambda self: self.fleet.holds)
    @rule()
    def what_was_held_has_its_effect_late(self) -> None:
        self.doubts += 1
        for held in self.fleet.holds:
            held.released.set()
        self.fleet.holds.clear()
        self.settle()

    @rule(plural=st.sampled_from(("", *WATCHED)))
    def watches_break(self, plural: str) -> None:
        self.server.watches.cut(plural)
        self.settle()

    @rule(plural=st.sampled_from(WATCHED), fault=st.sampled_from(["lag", "silence"]))
    def a_watch_tells_nothing(self, plural: str, fault: str) -> None:
        self.doubts += 1
        told: Lag | Silence = Lag() if fault == "lag" else Silence()
        self.server.faults.add(told, a_watch_of(plural), times=None)
        (self.fleet.lags if isinstance(told, Lag) else self.fleet.silences).append(told)  # type: ignore[arg-type]
        self.server.watches.cut(plural)
        self.settle()

    @rule(
        plural=st.sampled_from(WATCHED),
        fault=st.sampled_from([Repeat(), ErrorEvent(), ErrorEvent(500, "InternalError")]),
    )
    def a_watch_tells_nonsense(self, plural: str, fault: Any) -> None:
        self.server.faults.add(fault, a_watch_of(plural))
        self.server.watches.cut(plural)
        self.settle()

    @rule(plural=st.sampled_from(WATCHED), behind=st.integers(1, 20))
    def a_replica_of_the_past_answers(self, plural: str, behind: int) -> None:
        self.doubts += 1
        self.server.faults.add(Refuse(410, "Expired"), a_watch_of(plural))
        self.server.faults.add(Stale(behind), lambda call: call.method == "GET" and call.plural == plural, times=2)
        self.server.watches.cut(plural)
        self.settle()

    @rule()
    def pods_and_gateways_hang(self) -> None:
        self.fleet.hang()

    @rule()
    def etcd_is_compacted(self) -> None:
        self.server.compact()
        self.settle()

    @rule(fault=st.sampled_from(PROMETHEUS_FAULTS))
    def prometheus_fails_or_comes_back(self, fault: str) -> None:
        self.fleet.prometheus.fault = fault

    @rule()
    def all_goes_well_again(self) -> None:
        self.change(self.fleet.lift)
        self.settle()

    @rule(down=st.sampled_from([0.0, 3.0, 90.0]))
    def the_operator_is_killed(self, down: float) -> None:
        self.doubts += 1
        self.do(lambda: self.fleet.restart(down=down))
        self.settle()

    @rule(after=st.integers(0, 12), after_effect=st.booleans(), seconds=st.sampled_from([0, 61]))
    def the_operator_is_killed_at_a_write(self, after: int, after_effect: bool, seconds: int) -> None:
        self.doubts += 1
        self.do(lambda: self.die(the_next("write", after=after), after_effect, seconds))
        self.settle()

    async def die(self, at: Callable[[Call], bool], after_effect: bool, seconds: float) -> None:
        """Nothing that it sends after this write has an effect any more."""
        struck: list[Call] = []

        def strikes(call: Call) -> bool:
            if not struck and at(call):
                struck.append(call)
                return True
            return False

        self.server.faults.add(Drop(), lambda _: bool(struck), times=None)
        self.server.faults.add(Drop(after_effect=after_effect), strikes)
        passing = asyncio.create_task(self.fleet.pass_until(self.fleet.time.now() + timedelta(seconds=seconds)))
        while not passing.done() and not struck:  # noqa: ASYNC110 - what strikes is no coroutine
            await asyncio.sleep(0.002)
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)
        self.fleet.lift()
        await self.fleet.restart()

    @rule(seconds=st.sampled_from([1, 6, 31, 61]))
    def a_moment_passes(self, seconds: int) -> None:
        self.time_passes(seconds)

    @rule(minutes=st.sampled_from([2, 5, 15]))
    def minutes_pass(self, minutes: int) -> None:
        self.time_passes(60 * minutes)

    def time_passes(self, seconds: int) -> None:
        before = len(self.server.log)
        self.do(lambda: self.fleet.pass_until(self.fleet.time.now() + timedelta(seconds=seconds)))
        calls = len([call for call in self.server.log[before:] if not call.watch and call.plural != "leases"])
        assert calls <= len(self.names) * CALLS_OF_A_ROLLOUT * (1 + seconds / 60), f"{calls} calls in {seconds} s"
        if not self.fleet.clouded:
            self.fleet.watchman.rest()

    # What must hold.

    @invariant()
    def nothing_was_seen_that_must_not_be(self) -> None:
        if hasattr(self, "fleet"):
            assert not self.fleet.watchman.wrong, self.fleet.watchman.wrong

    def teardown(self) -> None:
        if not hasattr(self, "fleet"):
            return
        try:
            self.do(self.come_to_rest)
        finally:
            self.do(self.fleet.end)
            self.do(lambda: self.server.__aexit__(None, None, None))
            self.do(self.loop.shutdown_asyncgens)
            self.loop.close()
            self.hurry.__exit__(None, None, None)

    async def come_to_rest(self) -> None:
        """Without faults, and with somebody who ends the pauses, everything comes to its end, and then to rest."""
        self.fleet.lift()
        for _ in range(4):
            await self.fleet.pass_until(self.fleet.time.now() + timedelta(minutes=12))
            for name in self.names:
                if self.there("modeldeployments", name) and self.fleet.status(name).get("phase") == "Paused":
                    self.apply(name, {**self.specs[name], "paused": False})
                    self.ask(name, "promote")
        await self.fleet.settle()
        assert not self.fleet.watchman.wrong, self.fleet.watchman.wrong
        unneeded = [str(call) for call in self.server.log if is_unneeded(call)]
        assert len(unneeded) <= self.doubts, unneeded
        asked = self.fleet.prometheus.asked
        before = len(self.server.log)
        assert await self.fleet.calls_in(timedelta(minutes=20)) == 0, list(map(str, self.server.log[before:]))
        assert self.fleet.prometheus.asked == asked
        for name in self.names:
            self.check_end(name)

    def check_end(self, name: str) -> None:
        item = self.store.find(self.store.kind("modeldeployments"), ("ml", name))
        if item is None:
            left = [f"{plural} {child}" for plural in CHILDREN for child in self.children(plural, name)]
            assert not left, f"{name} is gone, and leaves {left}"
            own = self.store.find(self.store.kind("httproutes"), ("ml", f"{name}-own"))
            assert own is None or own["spec"] == own_route(name)["spec"]
            return
        assert not item["metadata"].get("deletionTimestamp"), f"{name} is never gone: {item['status']}"
        status, spec = item["status"], item["spec"]
        why = f"{name}: {status}"
        rejected = status.get("rejected") or {}
        if status["phase"] == "Degraded":
            assert rejected["version"] == spec["model"]["version"], why
            assert rejected["reason"] in {"AnalysisFailed", "Aborted", "ProgressDeadlineExceeded"}, why
        else:
            assert (status["phase"], status["version"]) == ("Healthy", spec["model"]["version"]), why
        split = {revision: weight for revision, weight in self.fleet.watchman.split(name).items() if weight}
        assert split == {status["stable"]: 100}, why
        for child, deployment in self.children("deployments", name).items():
            wanted = spec["replicas"] if child.endswith(status["stable"]) else 0
            assert deployment["spec"]["replicas"] == wanted, f"{child}: {deployment['spec']['replicas']}: {why}"
        service = self.store.get(self.store.kind("services"), ("ml", name))
        assert service["spec"]["selector"]["serin.dev/revision"] == status["stable"], why

    def children(self, plural: str, name: str) -> dict[str, Object]:
        return {
            item["metadata"]["name"]: item
            for item in self.store.all(self.store.kind(plural))
            if (item["metadata"].get("labels") or {}).get("serin.dev/model") == name
        }


def own_route(name: str) -> Object:
    return {
        "metadata": {"name": f"{name}-own", "namespace": "ml"},
        "spec": {
            "parentRefs": [{"name": "public"}],
            "rules": [{"backendRefs": [{"name": name, "port": 80, "weight": 1}]}],
        },
    }


def is_unneeded(call: Call) -> bool:
    """Whether it is a write that changed nothing."""
    return call.write and call.plural not in {"events", "leases"} and 200 <= call.status < 300 and not call.changed


def the_next(method: str, *, after: int) -> Callable[[Call], bool]:
    """Matches calls of a method (`write`: of any that changes something) once so many of them have passed."""
    passed = itertools.count()

    def matches(call: Call) -> bool:
        fits = call.write if method == "write" else method in {"", call.method}
        return fits and not call.watch and call.plural not in {"", "leases"} and next(passed) >= after

    return matches


def a_watch_of(plural: str) -> Callable[[Call], bool]:
    return lambda call: call.watch and call.plural == plural


SETTINGS = settings(
    max_examples=40,
    # The same lives each time: what stops somebody's work must be a change of theirs. `make explore` lives others.
    derandomize=True,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
FleetMachine.TestCase.settings = SETTINGS
TestFleet = pytest.mark.timeout(900)(FleetMachine.TestCase)


@pytest.mark.explore
@pytest.mark.timeout(1800)
def test_for_longer() -> None:
    longer = settings(SETTINGS, derandomize=False, max_examples=100, stateful_step_count=40)
    run_state_machine_as_test(FleetMachine, settings=longer)

"""Rules beside the weights, on a real proxy: who asks for the new version, copies, and users who stay."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from localcluster import LocalCluster
from scenarios.api import Object, eventually
from scenarios.stage import NAME, Stage, model
from scenarios.test_routes import OWN, front, route_of  # noqa: F401 - `front` is a fixture

pytestmark = [pytest.mark.cluster, pytest.mark.scenario, pytest.mark.long]

PREVIEW = {"x-serin-preview": "true"}
WAITING = [{"pause": {}}, {"weight": 50}, {"pause": {}}]
"""The new version waits at weight 0 until somebody resumes, and again at 50."""
MAX_AGE = 20.0


@dataclass
class User:
    """Somebody with a browser: cookies are kept, sent back, and forgotten when they are over."""

    stage: Stage
    versions: list[str] = field(default_factory=list)
    session: requests.Session = field(default_factory=requests.Session)

    def ask(self, **headers: str) -> str:
        """One request; returns the version that answered."""
        url, sent = f"{self.stage.gateway_url}/predict", {"Host": self.stage.host, **headers}
        answer = self.session.get(url, headers=sent, timeout=5)
        assert answer.status_code == 200, answer.text
        self.versions.append(answer.headers["X-Serin-Version"])
        return self.versions[-1]


@contextmanager
def users(stage: Stage, count: int) -> Iterator[list[User]]:
    """So many of them; their connections are closed afterwards."""
    found = [User(stage) for _ in range(count)]
    try:
        yield found
    finally:
        for user in found:
            user.session.close()


def preview(version: str, **spec: Any) -> Object:
    strategy = {"preview": {"headers": PREVIEW}, "canary": {"steps": WAITING}}
    return model(version, replicas=1, strategy=strategy, **spec)


def test_who_asks_for_the_new_version_gets_it_at_weight_0_and_nobody_else_does(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    with users(stage, 1) as (user,), stage.load() as load:
        stage.apply(preview("2.0.0"))
        eventually(lambda: user.ask(**PREVIEW) == "2.0.0", what="the previewed version")
        assert stage.weight("2.0.0") == 0
        since = time.monotonic()
        assert {user.ask(**PREVIEW) for _ in range(50)} == {"2.0.0"}
        assert {user.ask(**{"x-serin-preview": "yes"}) for _ in range(20)} == {"1.0.0"}
        assert {answer.version for answer in load.since(since)} == {"1.0.0"}
        # The weights move beside it, and it stays.
        stage.act("resume")
        stage.until("half of the traffic", lambda _: stage.weight("2.0.0") == 50)
        assert {user.ask(**PREVIEW) for _ in range(50)} == {"2.0.0"}
        stage.act("abort")
        stage.until_phase("Degraded")
        assert {user.ask(**PREVIEW) for _ in range(20)} == {"1.0.0"}
    assert not load.lost


def test_a_preview_by_an_own_route_stands_beside_its_rules_and_goes_without_a_trace(
    stage: Stage,
    front: Object,  # noqa: F811 - the fixture
) -> None:
    with users(stage, 1) as (user,), stage.load(rate=200) as load:
        stage.deploy(model("1.0.0", replicas=1, traffic=OWN))
        stage.until("no waiting", lambda _: stage.condition("TrafficShifted")["status"] == "True")
        stage.apply(preview("2.0.0", traffic=OWN))
        eventually(lambda: user.ask(**PREVIEW) == "2.0.0", what="the previewed version")
        rules = route_of(stage)["spec"]["rules"]
        assert len(rules) == 3
        assert (rules[1]["filters"], rules[1]["timeouts"]) == (rules[2]["filters"], rules[2]["timeouts"])
        stage.api.delete("ModelDeployment", NAME)
        eventually(lambda: route_of(stage)["spec"] == front["spec"], what="the route as it was", every=0.02)
        eventually(lambda: stage.api.get("ModelDeployment", NAME) is None, what="the end of the ModelDeployment")
    assert route_of(stage)["metadata"]["annotations"] == front["metadata"]["annotations"]
    assert not load.lost


def test_users_stay_with_the_version_that_answered_first_until_the_cookie_is_over_or_the_version_leaves(
    stage: Stage,
) -> None:
    sticky = {"maxAge": f"{MAX_AGE:.0f}s"}
    steps = [{"weight": 50}, {"pause": {}}, {"weight": 80}, {"pause": {}}]
    strategy = {"canary": {"steps": steps, "stickiness": sticky}}
    stage.deploy(model("1.0.0", replicas=1, strategy=strategy))
    with users(stage, 40) as everybody, stage.load(rate=200) as load:
        stage.apply(model("2.0.0", replicas=1, strategy=strategy))
        stage.until("half of the traffic", lambda it: it.get("phase") == "Paused" and stage.weight("2.0.0") == 50)
        began = time.monotonic()
        first = [user.ask() for user in everybody]
        assert set(first) == {"1.0.0", "2.0.0"}
        assert [user.ask() for user in everybody] == first
        stage.act("resume")
        stage.until("more of the traffic", lambda it: it.get("phase") == "Paused" and stage.weight("2.0.0") == 80)
        eventually(lambda: stage.condition("TrafficShifted")["status"] == "True", what="the word of the proxy")
        assert [user.ask() for user in everybody] == first, "the weights moved, and nobody with them"
        assert time.monotonic() - began < MAX_AGE, "it took too long to say anything"
        # Whether a cookie is over is the user's clock's affair; then the weights decide anew.
        cookies = [cookie for user in everybody for cookie in user.session.cookies]
        assert len(cookies) == len(everybody)
        eventually(lambda: all(cookie.is_expired() for cookie in cookies), what="the end of the cookies")
        anew = [user.ask() for user in everybody]
        assert anew.count("2.0.0") > first.count("2.0.0")
        assert [user.ask() for user in everybody] == anew
        stage.act("abort")
        stage.until_phase("Degraded")
        assert {user.ask() for user in everybody} == {"1.0.0"}, "whose version left is answered all the same"
    assert not load.lost


def test_copies_reach_the_new_version_and_its_answers_reach_nobody(stage: Stage, cluster: LocalCluster) -> None:
    strategy = {"type": "Shadow", "shadow": {"percent": 100, "duration": "10m"}}
    stage.deploy(model("1.0.0", replicas=1))
    with stage.load() as load:
        stage.apply(model("2.0.0", replicas=1, strategy=strategy, environment={"ERROR_SHARE": "1"}))
        stage.until("copies", lambda it: (it.get("step") or {}).get("mirror") == 100)
        name = f"{stage.api.namespace}_{NAME}-{stage.revision('2.0.0')}_80"
        query = f'sum(envoy_cluster_upstream_rq_xx{{envoy_cluster_name="{name}"}})'

        def copies() -> float:
            answer = requests.get(f"{cluster.prometheus_url}/api/v1/query", params={"query": query}, timeout=5).json()
            found = answer["data"]["result"]
            return float(found[0]["value"][1]) if found else 0.0

        eventually(lambda: copies() > 100, what="copies of requests", within=60)
        assert stage.weight("2.0.0") == 0
    assert set(load.by_version) == {"1.0.0"}
    assert not [answer for answer in load.answers if answer.status != 200]

"""Without a proxy: each version gets as much as it has pods behind one Service, through kube-proxy.

One request per connection: kube-proxy chooses a pod when a connection is made, and knows nothing of requests.
"""

import math
from collections import Counter
from collections.abc import Callable

import pytest

from localcluster import LocalCluster
from scenarios.api import Object, eventually
from scenarios.inside import clients
from scenarios.stage import NAME, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

ENOUGH = 500
RATIO: Object = {
    "traffic": {"replicas": {}},
    "replicas": 3,
    "strategy": {"canary": {"steps": [{"weight": 25}, {"pause": {}}, {"weight": 50}, {"pause": {}}]}},
}


def selector(stage: Stage) -> dict[str, str]:
    """What the Service of the model's name selects."""
    service = stage.api.get("Service", NAME)
    assert service is not None
    selected: dict[str, str] = service["spec"]["selector"]
    return selected


def share(answers: Callable[[], Counter[str]], version: str) -> float:
    """The share of a version among the next requests."""
    before = answers()
    eventually(lambda: (answers() - before).total() >= ENOUGH, what=f"{ENOUGH} more answers", within=30)
    seen = answers() - before
    return seen[version] / seen.total()


def by_chance(weight: float) -> float:
    """How far a share may lie from the weight: kube-proxy draws, and four deviations are one time of 15,000."""
    return 4 * math.sqrt(weight * (1 - weight) / ENOUGH)


def wait_at(stage: Stage, weight: int) -> None:
    """Wait until the rollout pauses at a weight."""
    stage.until(f"a pause at {weight} %", lambda status: status.get("phase") == "Paused" and status["weight"] == weight)


def test_weights_are_numbers_of_pods_there_and_back_and_no_request_is_lost(stage: Stage, cluster: LocalCluster) -> None:
    first = model("1.0.0", **RATIO)
    stage.deploy(first)
    with clients(cluster, stage, rate=400) as answers:
        eventually(lambda: answers()["1.0.0"] > 20, what="answers of the first version")
        stage.apply(model("2.0.0", **RATIO))
        wait_at(stage, 25)
        assert (len(stage.pods("1.0.0")), len(stage.pods("2.0.0"))) == (3, 1)
        assert selector(stage) == {"serin.dev/model": NAME}
        assert share(answers, "2.0.0") == pytest.approx(0.25, abs=by_chance(0.25))
        stage.apply(first)
        stage.until_phase("Healthy", version="1.0.0")
        assert share(answers, "2.0.0") == 0
        assert stage.api.list("HTTPRoute") == []
        assert set(answers()) == {"1.0.0", "2.0.0"}, "every request was answered by a model server"


def test_the_last_step_is_one_write_of_the_selector_and_no_request_is_lost(stage: Stage, cluster: LocalCluster) -> None:
    steps = {"strategy": {"canary": {"steps": [{"weight": 50}, {"pause": {}}]}}}
    stage.deploy(model("1.0.0", **RATIO | steps))
    with clients(cluster, stage, rate=400) as answers:
        eventually(lambda: answers()["1.0.0"] > 20, what="answers of the first version")
        stage.apply(model("2.0.0", **RATIO | steps))
        wait_at(stage, 50)
        assert share(answers, "2.0.0") == pytest.approx(0.5, abs=by_chance(0.5))
        stage.apply(model("2.0.0", **RATIO | {"strategy": {"canary": {"steps": [{"weight": 50}]}}}))
        stage.until_phase("Healthy", version="2.0.0")
        assert selector(stage) == {"serin.dev/model": NAME, "serin.dev/revision": stage.revision("2.0.0")}
        assert share(answers, "2.0.0") == 1
        eventually(lambda: not stage.pods("1.0.0"), what="the end of the pods before: they are not kept warm")
        assert set(answers()) == {"1.0.0", "2.0.0"}, "every request was answered by a model server"

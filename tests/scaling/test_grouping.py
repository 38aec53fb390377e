"""Which pods count for a metric: replicas.md, section 2, groupPods (order of tests matters; first match wins)."""

from dataclasses import replace

import pytest

from scaling.build import NOW, ago, pod, samples, seconds
from serin.scaling.grouping import Groups, group_pods
from serin.scaling.pods import Pod
from serin.scaling.samples import PodSample
from serin.scaling.spec import DEFAULTS

READY, UNREADY, MISSING, IGNORED = "ready", "unready", "missing", "ignored"


def group_of(one: Pod, sample: PodSample | None, resource: str = "cpu") -> str:
    """The group of a single pod."""
    groups = group_pods([one], {one.name: sample} if sample else {}, resource, NOW, DEFAULTS)
    found = [name for name in (UNREADY, MISSING, IGNORED) if getattr(groups, name)]
    assert groups.ready + len(found) == 1
    return found[0] if found else READY


FRESH = PodSample(100, NOW, seconds(30))


@pytest.mark.parametrize(
    ("one", "sample", "group"),
    [
        pytest.param(replace(pod(), deleted=True), FRESH, IGNORED, id="1. deletionTimestamp set -> ignored"),
        pytest.param(replace(pod(), phase="Failed"), FRESH, IGNORED, id="1. phase Failed -> ignored"),
        pytest.param(replace(pod(), phase="Succeeded"), FRESH, READY, id="1. Succeeded is not ignored by v1.37"),
        pytest.param(replace(pod(), phase="Pending", deleted=True), FRESH, IGNORED, id="1. comes before 2."),
        pytest.param(replace(pod(), phase="Pending"), FRESH, UNREADY, id="2. phase Pending -> unready"),
        pytest.param(replace(pod(), phase="Pending"), None, UNREADY, id="2. comes before 3."),
        pytest.param(pod(), None, MISSING, id="3. no metric for the pod -> missing"),
        pytest.param(pod(ready="False", started=60), None, MISSING, id="3. comes before 4."),
        pytest.param(replace(pod(), ready=None), FRESH, UNREADY, id="4. no Ready condition -> unready"),
        pytest.param(replace(pod(), started=None), FRESH, UNREADY, id="4. no StartTime -> unready"),
        pytest.param(pod(), FRESH, READY, id="5. else ready"),
    ],
)
def test_first_match_wins(one: Pod, sample: PodSample | None, group: str) -> None:
    assert group_of(one, sample) == group


@pytest.mark.parametrize(
    ("one", "sampled", "group"),
    [
        pytest.param(pod(started=299, since=280, ready="False"), 0, UNREADY, id="unready iff Ready==False"),
        pytest.param(pod(started=299, since=280, ready="Unknown"), 0, READY, id="Unknown is not False"),
        pytest.param(pod(started=299, since=20), 0, UNREADY, id="or metricTimestamp < readyTransition + metricWindow"),
        pytest.param(pod(started=299, since=30), 0, READY, id="a whole window since it became ready is enough"),
        pytest.param(pod(started=299, since=60), 31, UNREADY, id="an old sample is from before it was ready"),
        pytest.param(pod(started=300, since=20), 0, READY, id="start + cpuInitializationPeriod > now is strict"),
    ],
)
def test_within_the_cpu_initialization_period(one: Pod, sampled: float, group: str) -> None:
    """start + cpuInitializationPeriod > now: unready iff Ready==False or metricTimestamp < readyTransition + window."""
    assert group_of(one, PodSample(100, ago(sampled), seconds(30))) == group


@pytest.mark.parametrize(
    ("one", "group"),
    [
        pytest.param(
            pod(started=600, since=571, ready="False"), UNREADY, id="not ready within 30 s of its start: never was"
        ),
        pytest.param(
            pod(started=600, since=570, ready="False"), READY, id="later than that: it has been ready, strict"
        ),
        pytest.param(pod(started=600, since=600, ready="Unknown"), READY, id="Unknown is not False"),
        pytest.param(pod(started=600, since=600), READY, id="Ready"),
    ],
)
def test_after_it_only_pods_that_were_never_ready_are_unready(one: Pod, group: str) -> None:
    """Unready iff Ready==False and start + delayOfInitialReadinessStatus > readyTransition (= has never been ready)."""
    assert group_of(one, FRESH) == group


@pytest.mark.parametrize("resource", ["memory", ""])
def test_readiness_matters_for_cpu_only(resource: str) -> None:
    """4. only if resource is `cpu` (so not for Pods metrics, not for memory)."""
    starting = pod(started=10, since=10, ready="False")
    assert group_of(starting, FRESH, resource) == READY
    assert group_of(replace(starting, ready=None, started=None), FRESH, resource) == READY
    assert group_of(starting, FRESH, "cpu") == UNREADY


def test_groups_hold_names_and_say_how_many_they_are() -> None:
    seen = (pod("p0"), replace(pod("p1"), phase="Pending"), pod("p2"), replace(pod("p3"), deleted=True), pod("p4"))
    groups = group_pods(seen, samples(1, 1, None, 1, 1), "cpu", NOW, DEFAULTS)
    assert groups == Groups(2, ("p1",), ("p2",), ("p3",))
    counts = groups.counts
    assert (counts.ready, counts.unready, counts.missing, counts.ignored) == (2, 1, 1, 1)

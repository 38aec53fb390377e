"""RolloutActions: who may ask for what, what becomes of it, and what is remembered."""

import pytest

from scenarios.api import Api, Object, Refused, eventually
from scenarios.stage import ADMINISTRATOR, NAME, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

LONG = {"canary": {"steps": [{"weight": 20, "hold": "10m"}, {"weight": 50, "hold": "10m"}]}}
LEAD, EDITOR = "lena", "emil"


@pytest.fixture
def under_way(stage: Stage) -> Stage:
    """Version 2.0.0 has 20 %, and will for long. Lena may do all, Emil may pause and resume."""
    bind(stage.api, LEAD, "ClusterRole", "serin-rollouts")
    stage.api.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "pausing"},
            "rules": [
                {"apiGroups": ["serin.dev"], "resources": ["rolloutactions"], "verbs": ["create"]},
                {"apiGroups": ["serin.dev"], "resources": ["modeldeployments"], "verbs": ["pause", "resume"]},
            ],
        }
    )
    bind(stage.api, EDITOR, "Role", "pausing")
    stage.deploy(model("1.0.0", replicas=1))
    stage.apply(model("2.0.0", replicas=1, strategy=LONG))
    stage.until("the step", lambda it: it.get("step", {}).get("since"))
    return stage


def bind(api: Api, user: str, kind: str, role: str) -> None:
    """Grant a role in the scenario's namespace."""
    group = "rbac.authorization.k8s.io"
    api.apply(
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": user},
            "roleRef": {"apiGroup": group, "kind": kind, "name": role},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        }
    )


def became(stage: Stage, action: Object | None) -> Object:
    """What became of an action, once the operator has told."""
    assert action is not None
    name = action["metadata"]["name"]

    def told() -> Object | None:
        found = stage.api.get("RolloutAction", name)
        return (found or {}).get("status")

    status = eventually(told, what=f"an answer to {name}", within=20)
    assert status is not None
    return status


def test_who_may_not_is_refused_and_nobody_speaks_for_somebody_else(under_way: Stage) -> None:
    lead, editor = under_way.api.as_user(LEAD), under_way.api.as_user(EDITOR)
    # A binding reaches the API server's own caches a moment later.
    pause = eventually(lambda: permitted(under_way, editor, "pause"), what="Emil's permission to pause", within=10)
    assert became(under_way, pause)["phase"] == "Done"
    with pytest.raises(Refused, match=f"{EDITOR} may not abort ModelDeployment {NAME}: ask for the verb abort"):
        under_way.act("abort", user=EDITOR, api=editor)
    with pytest.raises(Refused, match="write your own user name, lena"):
        under_way.act("abort", user=EDITOR, api=lead)
    with pytest.raises(Refused, match="write your own user name, serin-admin"):
        under_way.act("abort", user=LEAD)
    assert "rejected" not in under_way.status
    action = under_way.act("abort", user=LEAD, api=lead, reason="the labels are wrong")
    assert became(under_way, action)["phase"] == "Done"
    status = under_way.until_phase("Degraded")
    assert status["rejected"]["reason"] == "Aborted"
    assert status["rejected"]["message"] == "aborted by lena: the labels are wrong"
    recorded = [(it["action"], it["by"], it["reason"], it["result"]) for it in status["actions"]]
    assert recorded == [("abort", LEAD, "the labels are wrong", "Done"), ("pause", EDITOR, "", "Done")]


def permitted(stage: Stage, api: Api, action: str) -> Object | None:
    """The action, or None while it is forbidden."""
    try:
        return stage.act(action, user=EDITOR, api=api)
    except Refused as error:
        if error.status != 403:
            raise
        return None


def test_pause_and_resume_stop_and_continue_a_rollout_and_are_never_edited(under_way: Stage) -> None:
    pause = under_way.act("pause", reason="lunch")
    status = under_way.until("the pause", lambda it: it["phase"] == "Paused")
    assert status["paused"]["by"] == ADMINISTRATOR
    assert status["message"] == f"paused by {ADMINISTRATOR}: lunch"
    assert status["step"]["heldReason"] == "Paused"
    again = under_way.act("pause", reason="lunch, still")
    assert became(under_way, again)["phase"] == "Done"
    with pytest.raises(Refused, match="never edited"):
        under_way.api.patch("RolloutAction", pause["metadata"]["name"], {"spec": {"action": "abort"}})
    under_way.act("resume")
    status = under_way.until("the rollout to go on", lambda it: it["phase"] == "Progressing")
    assert "paused" not in status
    assert status["weight"] == 20
    assert "heldSince" not in status["step"]
    told = became(under_way, under_way.act("resume"))
    assert (told["phase"], told["message"]) == ("Refused", "the rollout is not paused")


def test_promote_skips_the_steps_and_twice_is_like_once(under_way: Stage) -> None:
    revision = under_way.status["candidate"]
    with under_way.load() as load:
        actions = [under_way.act("promote", revision=revision, reason="urgent") for _ in range(2)]
        status = under_way.until_phase("Healthy", version="2.0.0")
        answers = [became(under_way, action) for action in actions]
    assert not load.lost
    assert answers[0]["phase"] == "Done"
    assert "steps are skipped" in answers[0]["message"]
    # The second came while the promotion was under way, or when it was over: it changes nothing in either case.
    assert answers[1]["message"] in {
        "the promotion is under way",
        f"it was meant for revision {revision}, but no rollout is under way",
    }
    assert [entry["outcome"] for entry in status["history"]] == ["Promoted", "Deployed"]


def test_abort_turns_a_version_away_and_retry_gives_it_another_chance(under_way: Stage) -> None:
    revision = under_way.status["candidate"]
    with under_way.load() as load:
        under_way.act("abort")
        under_way.until_phase("Degraded")
        under_way.apply(model("2.0.0", replicas=1, strategy=LONG))
        under_way.stays("turned away for good", lambda it: "candidate" not in it, seconds=2)
        late = under_way.act("promote", revision=revision)
        told = became(under_way, late)
        assert (told["phase"], told["message"]) == (
            "Refused",
            f"it was meant for revision {revision}, but no rollout is under way",
        )
        since = under_way.resource_version
        under_way.act("retry", revision=revision, reason="the data are repaired")
        status = under_way.until("the retry", lambda it: it.get("step", {}).get("since"))
        assert (status["candidate"], status["step"]["index"], status["weight"]) == (revision, 1, 20)
        assert "rejected" not in status
    assert not load.lost
    assert under_way.weights("2.0.0", since)[-1] == 20

"""RolloutActions on the real API server: they prove who asked, RBAC says who may, nobody edits them."""

import json
import time
from collections.abc import Callable

import pytest

from localcluster import KubectlError

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., str]
POLICY_STARTS_WITHIN_SECONDS = 20.0


def action(verb: str = "abort", requested_by: str = "alice") -> str:
    """A RolloutAction on the ModelDeployment `fraud`."""
    spec = {
        "modelDeployment": "fraud",
        "uid": "0c1d5d39-7d0c-4d34-8f3e-3b9b0c5f2f11",
        "revision": "5c9d7f4b6d",
        "action": verb,
        "requestedBy": requested_by,
    }
    metadata = {"generateName": f"fraud-{verb}-"}
    return json.dumps({"apiVersion": "serin.dev/v1alpha1", "kind": "RolloutAction", "metadata": metadata, "spec": spec})


@pytest.fixture
def ask(installed: Kubectl, namespace: str) -> Callable[[str, str], str]:
    """Create an action as a user; the namespace allows alice to create any, and to abort and pause `fraud` alone."""
    grants = {
        "create": {"apiGroups": ["serin.dev"], "resources": ["rolloutactions"], "verbs": ["create", "get", "patch"]},
        "verbs": {
            "apiGroups": ["serin.dev"],
            "resources": ["modeldeployments"],
            "resourceNames": ["fraud"],
            "verbs": ["abort", "pause"],
        },
    }
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "alice"},
        "rules": list(grants.values()),
    }
    installed("-n", namespace, "apply", "-f", "-", input=json.dumps(role))
    installed("-n", namespace, "create", "rolebinding", "alice", "--role=alice", "--user=alice")

    def ask_as(user: str, manifest: str) -> str:
        return installed("-n", namespace, "--as", user, "create", "-o", "name", "-f", "-", input=manifest)

    # The API server takes up a new policy after a moment.
    deadline = time.monotonic() + POLICY_STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            ask_as("alice", action("retry"))
        except KubectlError as error:
            if "serin-rolloutactions" in str(error):
                return ask_as
    pytest.fail("the policy was not taken up")


def test_whoever_has_the_verb_may_ask(ask: Callable[[str, str], str]) -> None:
    assert "fraud-abort-" in ask("alice", action("abort"))
    assert "fraud-pause-" in ask("alice", action("pause"))


def test_whoever_lacks_the_verb_is_told_which_one(ask: Callable[[str, str], str]) -> None:
    with pytest.raises(KubectlError, match="alice may not promote ModelDeployment fraud: ask for the verb promote"):
        ask("alice", action("promote"))


def test_a_verb_on_one_model_is_not_one_on_another(ask: Callable[[str, str], str]) -> None:
    other = action("abort").replace('"modelDeployment": "fraud"', '"modelDeployment": "credit"')
    with pytest.raises(KubectlError, match="alice may not abort ModelDeployment credit"):
        ask("alice", other)


def test_nobody_asks_in_the_name_of_another(ask: Callable[[str, str], str]) -> None:
    with pytest.raises(KubectlError, match=r"spec\.requestedBy is bob: write your own user name, alice"):
        ask("alice", action("abort", requested_by="bob"))


def test_an_action_is_never_edited(ask: Callable[[str, str], str], installed: Kubectl, namespace: str) -> None:
    name = ask("alice", action("abort")).strip()
    for user in ("alice", "kubernetes-admin"):
        patch = ("patch", name, "--type=merge", "-p", '{"spec": {"action": "pause"}}')
        identity = ("--as", user) if user == "alice" else ()
        with pytest.raises(KubectlError, match="never edited: create a new one"):
            installed("-n", namespace, *identity, *patch)

import copy
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from serin.api.status import Rejected
from serin.workloads import (
    controller_revision,
    deployment,
    rejected_of,
    revision_name,
    revision_of,
    revision_service,
    snapshot_of,
)
from workloads.examples import MANIFEST, OWNER, REVISION, changed, snapshot

LABELS = {"serin.dev/model": "fraud", "serin.dev/revision": REVISION, "serin.dev/version": "2.1.0-cuda"}
SELECTOR = {"serin.dev/model": "fraud", "serin.dev/revision": REVISION}


def rendered(manifest: dict[str, Any] | None = None) -> dict[str, Any]:
    return deployment(OWNER, REVISION, snapshot(manifest), replicas=3)


def environment(container: dict[str, Any]) -> dict[str, Any]:
    return {variable["name"]: variable.get("value") for variable in container["env"]}


def test_a_deployment_selects_its_own_revision_alone() -> None:
    spec = rendered()["spec"]
    assert spec["selector"] == {"matchLabels": SELECTOR}
    assert spec["replicas"] == 3
    assert spec["revisionHistoryLimit"] == 0


@pytest.mark.parametrize(
    "made",
    [
        deployment(OWNER, REVISION, snapshot(), 1),
        revision_service(OWNER, REVISION, snapshot()),
        controller_revision(OWNER, REVISION, snapshot(), number=1),
    ],
)
def test_every_child_bears_name_labels_and_owner(made: dict[str, Any]) -> None:
    assert made["metadata"]["name"] == f"fraud-{REVISION}"
    assert made["metadata"]["namespace"] == "ml"
    assert made["metadata"]["labels"] == {**LABELS, "app.kubernetes.io/managed-by": "serin"}
    assert made["metadata"]["ownerReferences"] == [OWNER.reference()]
    assert revision_of(made) == REVISION


def test_pods_keep_the_users_labels_and_annotations_but_belong_to_their_revision() -> None:
    metadata = rendered()["spec"]["template"]["metadata"]
    assert metadata["labels"] == {"team": "risk", **LABELS}
    assert metadata["annotations"] == {"prometheus.io/scrape": "true"}


def test_neither_role_nor_weight_is_in_a_deployment() -> None:
    text = json.dumps(rendered()).lower()
    assert not [word for word in ("stable", "candidate", 'weight"', "serin.dev/role") if word in text]


def test_every_container_is_told_which_model_it_serves() -> None:
    spec = rendered(changed("model.digest", "sha256:" + "0" * 64))["spec"]["template"]["spec"]
    assert environment(spec["initContainers"][0]) == {
        "SERIN_MODEL_NAME": "fraud",
        "SERIN_MODEL_VERSION": "2.1.0+cuda",
        "SERIN_MODEL_URI": "s3://models/fraud/7",
        "SERIN_MODEL_DIGEST": "sha256:" + "0" * 64,
        "SERIN_REVISION": REVISION,
    }


def test_a_variable_that_the_user_set_is_theirs() -> None:
    server = rendered()["spec"]["template"]["spec"]["containers"][0]
    assert environment(server)["SERIN_MODEL_NAME"] == "the user's own"
    assert [variable["name"] for variable in server["env"]].count("SERIN_MODEL_NAME") == 1


def test_variables_come_before_the_users_own_that_may_refer_to_them() -> None:
    names = [variable["name"] for variable in rendered()["spec"]["template"]["spec"]["containers"][0]["env"]]
    assert names.index("SERIN_MODEL_URI") < names.index("WHERE")


def test_a_model_without_uri_and_digest_gets_no_such_variables() -> None:
    server = rendered(changed("model.uri", None))["spec"]["template"]["spec"]["containers"][0]
    assert not {"SERIN_MODEL_URI", "SERIN_MODEL_DIGEST"} & environment(server).keys()


def test_pods_read_the_frozen_config_maps() -> None:
    spec = rendered()["spec"]["template"]["spec"]
    assert spec["initContainers"][0]["envFrom"][0]["configMapRef"]["name"] == f"settings-{REVISION}"
    assert spec["volumes"][0]["configMap"]["name"] == f"settings-{REVISION}"
    assert spec["volumes"][1]["projected"]["sources"][2] == {"secret": {"name": "key"}}


def test_what_else_the_user_wrote_stays_as_it_is() -> None:
    before = copy.deepcopy(MANIFEST)
    server = rendered()["spec"]["template"]["spec"]["containers"][0]
    assert server["args"] == ["--model", "$(SERIN_MODEL_URI)"]
    assert server["resources"] == {"limits": {"cpu": 1.5}}
    assert before == MANIFEST


@pytest.mark.parametrize(
    "spec",
    [
        {"containers": [{"name": "a", "env": "x"}]},
        {"containers": [{"name": "a", "env": [7]}]},
        {"containers": [{"name": "a"}], "initContainers": "none"},
        {"containers": [{"name": "a"}], "initContainers": [7]},
    ],
)
def test_what_has_not_the_shape_of_a_container_is_left_to_the_api_server(spec: dict[str, Any]) -> None:
    made = rendered({**MANIFEST, "template": {"metadata": None, "spec": spec}})
    assert made["spec"]["template"]["metadata"]["labels"] == LABELS


def test_the_service_of_a_revision_reaches_its_pods() -> None:
    assert revision_service(OWNER, REVISION, snapshot())["spec"] == {
        "type": "ClusterIP",
        "selector": SELECTOR,
        "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}],
    }


def test_the_longest_name_of_a_model_deployment_fits() -> None:
    name = revision_name("m" * 52, REVISION)
    assert len(name) == 63
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)


def test_a_controller_revision_keeps_the_snapshot_and_why_it_was_turned_away() -> None:
    rejected = Rejected(
        revision=REVISION,
        version="2.1.0",
        reason="ErrorRate",
        message="5 % of 100 requests",
        at=datetime(2026, 11, 1, tzinfo=UTC),
    )
    stored = controller_revision(OWNER, REVISION, snapshot(), number=4, rejected=rejected)
    stored = json.loads(json.dumps(stored))
    assert stored["revision"] == 4
    assert snapshot_of(stored) == snapshot()
    assert rejected_of(stored) == rejected


def test_a_revision_that_was_not_turned_away_says_nothing_of_it() -> None:
    stored = controller_revision(OWNER, REVISION, snapshot(), number=1)
    assert "annotations" not in stored["metadata"]
    assert rejected_of(stored) is None


def test_what_somebody_garbled_is_not_believed() -> None:
    stored = controller_revision(OWNER, REVISION, snapshot(), number=1)
    stored["metadata"]["annotations"] = {"serin.dev/rejected": "{"}
    assert rejected_of(stored) is None
    stored["metadata"].pop("annotations")
    assert rejected_of(stored) is None
    stored["data"] = {"scheme": 1}
    with pytest.raises(ValueError, match=f"ControllerRevision ml/fraud-{REVISION} cannot be read"):
        snapshot_of(stored)

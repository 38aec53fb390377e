"""The operator's manifests on the real API server: its pod is restricted, and its account can do what it needs."""

import json
from collections.abc import Callable

import pytest
import yaml

from crds.files import ROOT
from serin.cluster.resources import LEASE, RESOURCES

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., str]
ACCOUNT = "system:serviceaccount:serin-system:serin-operator"


@pytest.fixture(scope="session")
def role(installed: Kubectl) -> Kubectl:
    """`kubectl` of a cluster in which the operator's account has its role."""
    for name in ("00-namespace.yaml", "10-cluster-role.yaml", "15-service-account.yaml"):
        installed("apply", "-f", str(ROOT / "manifests" / name))
    return installed


def allowed(kubectl: Kubectl, verb: str, resource: str) -> bool:
    """Whether the operator may do it in any namespace.

    `kubectl auth can-i` asks for the groups that are served, too: metrics.k8s.io is not.
    """
    name, _, part = resource.partition("/")
    plural, _, group = name.partition(".")
    attributes = {"verb": verb, "group": group, "resource": plural, "subresource": part}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": ACCOUNT, "groups": ["system:serviceaccounts"], "resourceAttributes": attributes},
    }
    answer = json.loads(kubectl("create", "-f", "-", "-o", "json", input=json.dumps(review)))
    return bool(answer["status"]["allowed"])


def test_the_operators_pod_is_admitted_where_only_restricted_ones_are(role: Kubectl) -> None:
    documents = yaml.safe_load_all((ROOT / "manifests" / "40-operator.yaml").read_text())
    deployment = next(each for each in documents if each["kind"] == "Deployment")
    metadata = {"name": "admitted", "namespace": "serin-system"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": deployment["spec"]["template"]["spec"]}
    role("create", "--dry-run=server", "-f", "-", input=json.dumps(pod))
    del pod["spec"]["securityContext"]
    refused = role("create", "--dry-run=server", "-f", "-", input=json.dumps(pod), check=False)
    assert 'violates PodSecurity "restricted' in refused


def test_the_operator_may_do_what_it_needs(role: Kubectl) -> None:
    for resource in RESOURCES:
        if resource is LEASE:
            continue  # in its own namespace only
        verb = {"events": "create"}.get(resource.plural, "watch")
        name = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
        assert allowed(role, verb, name), f"{verb} {name}"
    for verb, name in (
        ("patch", "modeldeployments.serin.dev"),
        ("update", "modeldeployments.serin.dev/status"),
        ("update", "rolloutactions.serin.dev/status"),
        ("create", "deployments.apps"),
        ("delete", "configmaps"),
        ("patch", "httproutes.gateway.networking.k8s.io"),
        ("create", "virtualservices.networking.istio.io"),
        ("delete", "traefikservices.traefik.io"),
        ("list", "pods.metrics.k8s.io"),
        ("get", "pods.custom.metrics.k8s.io"),
        ("list", "queue-length.external.metrics.k8s.io"),
    ):
        assert allowed(role, verb, name), f"{verb} {name}"


@pytest.mark.parametrize("verb", ["get", "watch", "create", "update"])
def test_the_operator_may_hold_a_lease_in_its_own_namespace_and_nowhere_else(role: Kubectl, verb: str) -> None:
    question = ("auth", "can-i", verb, "leases.coordination.k8s.io", "--as", ACCOUNT, "-n")
    assert role(*question, "serin-system", check=False).splitlines()[0] == "yes"
    assert role(*question, "kube-system", check=False).splitlines()[0] == "no"


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        ("get", "secrets"),
        ("create", "pods"),
        ("create", "rolloutactions.serin.dev"),
        ("patch", "rolloutactions.serin.dev"),
        ("create", "modeldeployments.serin.dev"),
        ("delete", "modeldeployments.serin.dev"),
        ("promote", "modeldeployments.serin.dev"),
        ("create", "clusterroles.rbac.authorization.k8s.io"),
    ],
)
def test_the_operator_may_not_do_more(role: Kubectl, verb: str, name: str) -> None:
    assert not allowed(role, verb, name)

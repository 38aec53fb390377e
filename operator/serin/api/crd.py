"""The CustomResourceDefinitions, made from the models."""

import re
from dataclasses import dataclass
from typing import Any

from serin.api.action import RolloutActionSpec, RolloutActionStatus
from serin.api.base import Model
from serin.api.names import GROUP, KIND, VERSION
from serin.api.rules import VALIDATIONS, Rule
from serin.api.schema import structural_schema
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus

LONGEST_NAME = 52
"""The name of a revision's Service, `<name>-<ten characters>`, is a DNS label of at most 63 characters."""
NAME_PATTERN = r"[a-z]([-a-z0-9]*[a-z0-9])?"


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    type: str
    path: str
    description: str
    priority: int = 0
    """0: always there; 1: with `-o wide`."""

    def to_dict(self) -> dict[str, Any]:
        """The column as an entry of `additionalPrinterColumns`."""
        entry = {"name": self.name, "type": self.type, "jsonPath": self.path, "description": self.description}
        return entry | ({"priority": self.priority} if self.priority else {})


@dataclass(frozen=True)
class CustomResource:
    """All that a CRD says beside the schema of its spec and its status."""

    kind: str
    plural: str
    short_name: str
    description: str
    spec: type[Model]
    status: type[Model]
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    """Of the whole object; of its metadata CEL sees the name alone."""
    spec_rules: tuple[Rule, ...] = ()
    """Of the spec, where CEL alone can tell: between an object and what it was before."""
    scalable: bool = False
    """Whether it has a `/scale`."""

    @property
    def name(self) -> str:
        """The CRD's own name."""
        return f"{self.plural}.{GROUP}"

    def schema(self) -> dict[str, Any]:
        """The structural schema of the whole object."""
        spec = structural_schema(self.spec)
        if self.spec_rules:
            spec[VALIDATIONS] = [*spec.get(VALIDATIONS, ()), *(rule.to_dict() for rule in self.spec_rules)]
        properties = {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
            "spec": spec,
            "status": structural_schema(self.status),
        }
        schema = {
            "type": "object",
            "description": self.description,
            "required": ["spec"],
            "properties": properties,
        }
        return schema | ({VALIDATIONS: [rule.to_dict() for rule in self.rules]} if self.rules else {})

    def definition(self) -> dict[str, Any]:
        """The CustomResourceDefinition."""
        version = {
            "name": VERSION,
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": self.schema()},
            "subresources": {"status": {}} | ({"scale": _SCALE} if self.scalable else {}),
            "additionalPrinterColumns": [column.to_dict() for column in self.columns],
        }
        names = {
            "kind": self.kind,
            "listKind": f"{self.kind}List",
            "plural": self.plural,
            "singular": self.kind.lower(),
            "shortNames": [self.short_name],
            "categories": ["all", "serin"],
        }
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.name, "labels": {"app.kubernetes.io/name": "serin"}},
            "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
        }


_SCALE = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}
_AGE = Column("Age", "date", ".metadata.creationTimestamp", "Time since it was made.")


MODEL_DEPLOYMENT = CustomResource(
    kind=KIND,
    plural="modeldeployments",
    short_name="md",
    description="A machine-learning model on Kubernetes, and how a new version of it replaces the old one.",
    spec=ModelDeploymentSpec,
    status=ModelDeploymentStatus,
    columns=(
        Column("Phase", "string", ".status.phase", "Where it stands, in one word."),
        Column("Version", "string", ".status.version", "The version that carries the traffic."),
        Column("Candidate", "string", ".status.candidateVersion", "The version that is being rolled out."),
        Column("Step", "integer", ".status.step.index", "The step of the rollout."),
        Column("Weight", "integer", ".status.weight", "The candidate's share of the traffic, in percent."),
        Column(
            "Ready",
            "string",
            '.status.conditions[?(@.type=="Ready")].status',
            "Whether it serves what was asked.",
        ),
        _AGE,
        Column("Message", "string", ".status.message", "What is going on, or waited for.", priority=1),
    ),
    rules=(
        Rule(
            f"self.metadata.name.size() <= {LONGEST_NAME} && self.metadata.name.matches('^{NAME_PATTERN}$')",
            lambda found: (
                len(found["metadata"]["name"]) <= LONGEST_NAME
                and re.fullmatch(NAME_PATTERN, found["metadata"]["name"]) is not None
            ),
            "metadata.name becomes the name of Services: write at most 52 lower case letters, digits and"
            " dashes, beginning with a letter and not ending with a dash",
            field=".metadata.name",
        ),
    ),
    scalable=True,
)

ROLLOUT_ACTION = CustomResource(
    kind="RolloutAction",
    plural="rolloutactions",
    short_name="ra",
    description="What a person wants of a rollout: pause, resume, abort, retry or promote. It is never edited.",
    spec=RolloutActionSpec,
    status=RolloutActionStatus,
    columns=(
        Column("Model", "string", ".spec.modelDeployment", "The ModelDeployment."),
        Column("Action", "string", ".spec.action", "What is asked."),
        Column("Revision", "string", ".spec.revision", "The revision that it was meant for."),
        Column("By", "string", ".spec.requestedBy", "Who asks."),
        Column("Phase", "string", ".status.phase", "Done or Refused; empty while it waits."),
        _AGE,
        Column("Reason", "string", ".spec.reason", "Why, in the words of whoever asks.", priority=1),
        Column("Message", "string", ".status.message", "What became of it.", priority=1),
    ),
    spec_rules=(
        Rule(
            "self == oldSelf",
            None,
            "a RolloutAction is never edited: create a new one, and leave this one as the record that it is",
        ),
    ),
)

CUSTOM_RESOURCES = (MODEL_DEPLOYMENT, ROLLOUT_ACTION)

"""The user's own input of a revision, as it was when the revision was made."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from serin.api.spec import ModelDeploymentSpec, ModelIdentity
from serin.workloads.canonical import canonical_json

SCHEME = 1
"""Which input counts for the hash, and how."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a revision's behavior depends on. Nothing that Serin renders or injects is in it.

    Two snapshots are equal if they are the same revision: the lineage, the order of keys and the spelling of
    numbers make no difference, nor does the scheme that the revision was hashed by.

    model_deployment: the ModelDeployment's name. Frozen ConfigMaps are named by their own name and the revision,
    so two ModelDeployments that are alike in all else must not share a revision.
    config_maps: the digest of each ConfigMap that the template reads, by name; a missing one is left out.
    """

    model_deployment: str
    model: ModelIdentity
    template: Mapping[str, Any]
    target_port: int
    config_maps: Mapping[str, str]
    scheme: int = SCHEME

    @property
    def version(self) -> str:
        """The model's version."""
        return self.model.version

    @property
    def model_name(self) -> str:
        """The model's name: the ModelDeployment's unless given."""
        return self.model.name or self.model_deployment

    def looks_like(self, other: "Snapshot") -> bool:
        """Whether both are the same revision at first sight, which is cheap; if not, they may be all the same."""
        mine = (self.model_deployment, self.model, self.target_port, self.config_maps, self.template)
        return mine == (other.model_deployment, other.model, other.target_port, other.config_maps, other.template)

    @cached_property
    def identity(self) -> str:
        """What tells revisions apart, as canonical JSON: all but the lineage and the scheme."""
        model = {**self.model.to_dict(), "name": self.model_name, "lineage": None}
        return canonical_json({**self.to_dict(), "model": model, "scheme": None})

    def __eq__(self, other: object) -> bool:
        """Whether both are the same revision."""
        return isinstance(other, Snapshot) and self.identity == other.identity

    def __hash__(self) -> int:
        """Equal for the same revision."""
        return hash(self.identity)

    def to_dict(self) -> dict[str, Any]:
        """The snapshot as a ControllerRevision keeps it."""
        return {
            "scheme": self.scheme,
            "modelDeployment": self.model_deployment,
            "model": self.model.to_dict(),
            "template": dict(self.template),
            "targetPort": self.target_port,
            "configMaps": dict(self.config_maps),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a snapshot back.

        Raises:
            ValueError: this is no snapshot, or one of a newer Serin.
        """
        try:
            return cls(
                model_deployment=data["modelDeployment"],
                model=ModelIdentity.model_validate(data["model"]),
                template=data["template"],
                target_port=data["targetPort"],
                config_maps=data["configMaps"],
                scheme=data["scheme"],
            )
        except KeyError as missing:
            raise ValueError(f"no snapshot of a revision: {missing} is missing") from missing


def take_snapshot(spec: ModelDeploymentSpec, name: str, config_maps: Mapping[str, str]) -> Snapshot:
    """The snapshot of the present spec of the ModelDeployment `name`.

    config_maps: the digest of each ConfigMap that the template reads (`config_map_digest`), by name.
    """
    return Snapshot(
        model_deployment=name,
        model=spec.model,
        template=spec.template,
        target_port=spec.service.target_port,
        config_maps=dict(config_maps),
    )

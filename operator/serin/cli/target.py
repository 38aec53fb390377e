"""The one ModelDeployment that a command is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serin.api.names import KIND
from serin.api.spec import Analysis, ModelDeploymentSpec
from serin.cli.manifests import Document, read_documents
from serin.cli.problems import UnusableInputError
from serin.cli.validity import found_objects, invalid, is_ours
from serin.cluster.connect import DEFAULT_NAMESPACE
from serin.rollout.schedule import Schedule, schedule


@dataclass(frozen=True)
class Target:
    """A valid ModelDeployment whose rollouts go by steps and are judged."""

    document: Document
    name: str
    namespace: str
    spec: ModelDeploymentSpec
    analysis: Analysis
    plan: Schedule


def read_target(files: Sequence[str], *, namespace: str | None = None) -> Target:
    """The only ModelDeployment in these files.

    namespace: where it is, if not as its manifest says.

    Raises:
        UnreadableInputError: a file cannot be read, or is no YAML.
        UnusableInputError: there is not one of them, the API server would refuse it, or it has no analysis to try.
    """
    documents = read_documents(files)
    found = [document for document in documents if document.kind == KIND and is_ours(document)]
    if len(found) != 1:
        kinds = ", ".join(f"{count} {kind}" for kind, count in found_objects(documents).items()) or "nothing"
        raise UnusableInputError(f"found {kinds}, and one {KIND} is wanted: put it into a file of its own")
    (document,) = found
    errors = invalid(document)
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise UnusableInputError(f"the API server would refuse it: {errors[0]}{more}; serin lint tells all")
    target = target_of(document, ModelDeploymentSpec.model_validate(document.content["spec"]), namespace=namespace)
    if target is None:
        raise UnusableInputError(
            f"{document.title} has no spec.analysis, or no step in which anything can be judged, so its rollouts are "
            "not judged and there is nothing to try: write spec.traffic and spec.analysis"
        )
    return target


def target_of(document: Document, spec: ModelDeploymentSpec, *, namespace: str | None = None) -> Target | None:
    """A valid ModelDeployment; None if its rollouts are not judged."""
    plan = schedule(spec)
    if spec.analysis is None or plan is None or not any(stage.is_judged for stage in plan.stages):
        return None
    metadata = document.content["metadata"]
    return Target(
        document=document,
        name=_text(metadata, "name") or "unnamed",
        namespace=namespace or _text(metadata, "namespace") or DEFAULT_NAMESPACE,
        spec=spec,
        analysis=spec.analysis,
        plan=plan,
    )


def _text(metadata: Mapping[str, object], field: str) -> str | None:
    value = metadata.get(field)
    return value if isinstance(value, str) else None

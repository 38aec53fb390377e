"""Manifests without a cluster: the models refuse what is wrong and take every example."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from api.manifests import Wrong, documents, examples, wrong_manifests
from crds.files import ROOT
from serin.api.action import RolloutActionSpec
from serin.api.base import Model
from serin.api.spec import ModelDeploymentSpec

SPECS: dict[str, type[Model]] = {"ModelDeployment": ModelDeploymentSpec, "RolloutAction": RolloutActionSpec}
IN_THE_SPEC = [wrong for wrong in wrong_manifests() if not wrong.field.startswith("metadata.")]


def test_there_are_enough_wrong_manifests() -> None:
    assert len(wrong_manifests()) >= 20


@pytest.mark.parametrize("wrong", IN_THE_SPEC, ids=lambda wrong: wrong.path.stem)
def test_the_models_refuse_what_the_api_server_refuses(wrong: Wrong) -> None:
    document = yaml.safe_load(wrong.text)
    with pytest.raises(ValidationError):
        SPECS[document["kind"]].model_validate(document["spec"])


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_the_models_take_every_example(path: Path) -> None:
    for document in documents(path):
        if document["kind"] in SPECS:
            SPECS[document["kind"]].model_validate(document["spec"])


def test_every_file_of_a_directory_is_in_its_kustomization() -> None:
    for directory in ("crds", "manifests"):
        listed = documents(ROOT / directory / "Kustomization")[0]["resources"]
        files = sorted(path.name for path in (ROOT / directory).glob("*.yaml"))
        assert [name for name in listed if name != "../crds"] == files

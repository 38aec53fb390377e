"""Images from files: what they hold, and that nothing about them needs a registry."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from localcluster import Image, Tree, pythonfiles
from localcluster.images import APPLICATION, PYTHON, SITE_PACKAGES, identity, operator_image, write_archive
from localcluster.rootless_runc import simplified


def contents(image: Image) -> tuple[dict[str, Any], list[tarfile.TarFile]]:
    """Configuration and layers of the archive of an image, each checked against its digest."""
    buffer = io.BytesIO()
    write_archive(image, buffer)
    buffer.seek(0)
    blobs = {}
    with tarfile.open(fileobj=buffer) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            blobs[member.name] = file.read()

    def blob(described: dict[str, Any]) -> bytes:
        content = blobs["blobs/" + described["digest"].replace(":", "/")]
        assert hashlib.sha256(content).hexdigest() == described["digest"].removeprefix("sha256:")
        assert len(content) == described["size"]
        return content

    (described,) = json.loads(blobs["index.json"])["manifests"]
    assert described["annotations"]["io.containerd.image.name"] == image.name
    manifest = json.loads(blob(described))
    layers = [tarfile.TarFile(fileobj=io.BytesIO(blob(it))) for it in manifest["layers"]]
    return json.loads(blob(manifest["config"])), layers


def test_a_plain_image_holds_its_files_and_a_user_who_is_not_root(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep" / "__pycache__").mkdir(parents=True)
    (source / "deep" / "program").write_text("#!/bin/sh\n")
    (source / "deep" / "program").chmod(0o700)
    (source / "deep" / "__pycache__" / "old.pyc").write_text("")

    configuration, layers = contents(Image("a/b:1", ("/deep/program",), (Tree(source, ""),)))

    assert configuration["config"]["User"] == "65532"
    assert configuration["config"]["Entrypoint"] == ["/deep/program"]
    program = layers[-1].getmember("deep/program")
    assert (program.mode, program.uid) == (0o755, 0)
    assert layers[-1].getnames() == ["deep/program"]
    assert layers[0].getmember("tmp").mode == 0o1777


def test_an_image_with_distributions_has_python_and_all_that_they_require(tmp_path: Path) -> None:
    source = tmp_path / "main.py"
    source.write_text("import prometheus_client\n")
    image = Image("a/b:1", (PYTHON, "/app/main.py"), (Tree(source, "/app/main.py"),), ("prometheus-client",))

    configuration, (base, dependencies, application) = contents(image)

    assert PYTHON.lstrip("/") in base.getnames()
    assert f"{SITE_PACKAGES}/prometheus_client/__init__.py".lstrip("/") in dependencies.getnames()
    assert not any("/pytest/" in name for name in dependencies.getnames())
    assert application.getnames() == ["app/main.py"]
    assert f"PYTHONPATH={APPLICATION}:{SITE_PACKAGES}" in configuration["config"]["Env"]


def test_the_closure_follows_what_is_required_and_no_extras() -> None:
    names = {it.metadata["Name"].lower().replace("_", "-") for it in pythonfiles.closure(["aiohttp"])}

    assert {"aiohttp", "multidict", "yarl", "frozenlist"} <= names
    assert not {"pytest", "mypy", "ruff", "brotli"} & names


def test_the_operator_comes_without_tools_for_development() -> None:
    names = {it.metadata["Name"].lower() for it in pythonfiles.closure(operator_image().distributions)}

    assert {"serin", "kopf", "kubernetes"} <= names
    assert not {"pytest", "mypy", "ruff", "hypothesis", "scikit-learn", "cryptography"} & names


def test_the_same_files_give_the_same_image_and_an_edit_another(tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_text("one")
    image = Image("a/b:1", ("/file",), (Tree(source, "/file"),))

    def digests() -> list[str]:
        found: list[str] = contents(image)[0]["rootfs"]["diff_ids"]
        return found

    first, name = digests(), identity(image)
    assert digests() == first
    assert identity(image) == name
    source.write_text("two")
    assert digests()[0] == first[0]
    assert digests()[1] != first[1]
    assert identity(image) != name


@pytest.mark.parametrize("one_id", [True, False])
def test_without_control_groups_a_container_asks_for_none(*, one_id: bool) -> None:
    specification = {
        "linux": {"cgroupsPath": "/k8s.io/x", "resources": {"memory": {"limit": 1}}, "namespaces": []},
        "mounts": [{"destination": "/dev/pts", "options": ["nosuid", "gid=5"]}, {"destination": "/proc"}],
    }
    simple = simplified(specification, one_id=one_id)

    assert simple["linux"] == {"resources": {}, "namespaces": []}
    assert ("gid=5" in simple["mounts"][0]["options"]) is not one_id

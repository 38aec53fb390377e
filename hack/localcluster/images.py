"""Container images from files of this machine, without a registry and without Docker.

An image has up to three layers: the Python interpreter, the distributions, the application. The first
two are kept in the cache and the last is made anew, which takes milliseconds, so an edit of the source
is in the cluster within a second or two. Layers are not compressed: nothing travels anywhere.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from localcluster import pythonfiles
from localcluster.cache import atomic_directory, cache_directory, locked

NOBODY = 65532
SITE_PACKAGES = "/opt/site-packages"
APPLICATION = "/app"
PYTHON = "/usr/bin/python3"
SKIPPED_NAMES = ("__pycache__", ".mypy_cache", ".pytest_cache")


@dataclass(frozen=True)
class Tree:
    """A file, or a directory with all below it, and where it goes in the image."""

    source: Path
    target: str


@dataclass(frozen=True)
class Image:
    """An image to be made. With `distributions` it has Python, at PYTHON, and they and all that they require."""

    name: str
    """With a tag, for example `serin.dev/operator:dev`."""
    entrypoint: tuple[str, ...]
    trees: tuple[Tree, ...] = ()
    distributions: tuple[str, ...] = ()
    """Names of Python distributions installed in this environment."""
    user: int = NOBODY
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Layer:
    content: Path | bytes
    digest: str
    size: int


def identity(image: Image) -> str:
    """Changes whenever the image's content or configuration does."""
    return hashlib.sha256(_configuration(image, _layers(image))).hexdigest()


def write_archive(image: Image, stream: IO[bytes]) -> None:
    """Write an image as an OCI archive, as `ctr images import` reads it."""
    layers = _layers(image)
    configuration = _blob(_configuration(image, layers))
    manifest = _blob(_manifest(configuration, layers))
    index = _index(image, manifest)
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(archive, "index.json", json.dumps(index).encode())
        for layer in (configuration, manifest, *layers):
            name = f"blobs/sha256/{layer.digest}"
            if isinstance(layer.content, bytes):
                _add(archive, name, layer.content)
                continue
            with layer.content.open("rb") as file:
                entry = tarfile.TarInfo(name)
                entry.size = layer.size
                archive.addfile(entry, file)


def _layers(image: Image) -> list[_Layer]:
    if not image.distributions:
        return [_blob(_tar({}, skeleton=True)), _application_layer(image)]
    closure = pythonfiles.closure(image.distributions)
    versions = " ".join(f"{it.metadata['Name']}={it.version}" for it in closure)
    return [
        _cached_layer(pythonfiles.interpreter_identity(), pythonfiles.interpreter_files, skeleton=True),
        _cached_layer(
            f"{pythonfiles.interpreter_identity()} {versions}",
            lambda: pythonfiles.distribution_files(closure, SITE_PACKAGES),
            skeleton=False,
        ),
        _application_layer(image),
    ]


def _application_layer(image: Image) -> _Layer:
    files: dict[str, Path] = {}
    for tree in image.trees:
        if tree.source.is_file():
            files[tree.target] = tree.source
            continue
        for path in sorted(tree.source.rglob("*")):
            if path.is_file() and not any(part in SKIPPED_NAMES for part in path.parts):
                files[f"{tree.target}/{path.relative_to(tree.source)}"] = path
    return _blob(_tar(files, skeleton=False))


def _cached_layer(identity: str, files: Any, *, skeleton: bool) -> _Layer:
    key = hashlib.sha256(f"{identity} {SITE_PACKAGES} {Path(__file__).read_text()}".encode()).hexdigest()[:16]
    directory = cache_directory() / "layers" / key
    with locked(directory.with_suffix(".lock")):
        if not directory.exists():
            with atomic_directory(directory) as draft:
                content = _tar(files(), skeleton=skeleton)
                (draft / "layer.tar").write_bytes(content)
                (draft / "digest").write_text(hashlib.sha256(content).hexdigest())
    path = directory / "layer.tar"
    return _Layer(path, (directory / "digest").read_text(), path.stat().st_size)


def _tar(files: dict[str, Path], *, skeleton: bool) -> bytes:
    """Files by their place in the image, owned by root, readable by everybody."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        if skeleton:
            _add_skeleton(archive)
        for target, source in sorted(files.items()):
            status = source.stat()
            entry = tarfile.TarInfo(target.lstrip("/"))
            entry.size = status.st_size
            entry.mode = 0o755 if status.st_mode & 0o100 else 0o644
            # Compiled Python is valid only for a source of the very same time of change.
            entry.mtime = int(status.st_mtime)
            with source.open("rb") as file:
                archive.addfile(entry, file)
    return buffer.getvalue()


def _add_skeleton(archive: tarfile.TarFile) -> None:
    for name in ("tmp", "proc", "sys", "dev", "etc", "run", "var"):
        entry = tarfile.TarInfo(name)
        entry.type = tarfile.DIRTYPE
        entry.mode = 0o1777 if name == "tmp" else 0o755
        archive.addfile(entry)
    users = f"root:x:0:0:root:/:/bin/false\nnonroot:x:{NOBODY}:{NOBODY}:nonroot:/:/bin/false\n"
    _add(archive, "etc/passwd", users.encode())
    _add(archive, "etc/group", f"root:x:0:\nnonroot:x:{NOBODY}:\n".encode())


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _blob(content: bytes) -> _Layer:
    return _Layer(content, hashlib.sha256(content).hexdigest(), len(content))


def _configuration(image: Image, layers: list[_Layer]) -> bytes:
    environment = {"PATH": "/usr/bin:/bin"}
    if image.distributions:
        environment |= {
            "PYTHONPATH": f"{APPLICATION}:{SITE_PACKAGES}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if directories := pythonfiles.unusual_library_directories():
            environment["LD_LIBRARY_PATH"] = ":".join(directories)
    variables = [f"{key}={value}" for key, value in (environment | image.environment).items()]
    execution = {
        "User": str(image.user),
        "Entrypoint": list(image.entrypoint),
        "Env": variables,
        "WorkingDir": "/",
    }
    document = {
        "architecture": _architecture(),
        "os": "linux",
        "config": execution,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{it.digest}" for it in layers]},
    }
    return json.dumps(document).encode()


def _manifest(configuration: _Layer, layers: list[_Layer]) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _described(configuration, "application/vnd.oci.image.config.v1+json"),
        "layers": [_described(it, "application/vnd.oci.image.layer.v1.tar") for it in layers],
    }
    return json.dumps(document).encode()


def _index(image: Image, manifest: _Layer) -> dict[str, Any]:
    described = _described(manifest, "application/vnd.oci.image.manifest.v1+json") | {
        "platform": {"architecture": _architecture(), "os": "linux"},
        "annotations": {
            "io.containerd.image.name": image.name,
            "org.opencontainers.image.ref.name": image.name.rpartition(":")[2],
        },
    }
    return {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [described]}


def _described(layer: _Layer, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{layer.digest}", "size": layer.size}


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def operator_image(name: str = "serin.dev/operator:dev") -> Image:
    """The operator from this checkout with what it requires at run time and nothing for development."""
    repository = Path(__file__).parents[2]
    return Image(
        name,
        entrypoint=(PYTHON, "-m", "serin.controller"),
        trees=(Tree(repository / "operator" / "serin", f"{APPLICATION}/serin"),),
        distributions=("serin",),
    )

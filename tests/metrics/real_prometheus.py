"""A real Prometheus on a free loopback port, fed by scraping or by remote write."""

import socket
import ssl
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STALE = struct.unpack("<d", bytes.fromhex("020000000000f07f"))[0]
"""The value with which Prometheus marks that a series ended, or that its target could not be scraped."""


@dataclass(frozen=True)
class RealPrometheus:
    """A running server."""

    url: str

    def write(self, series: Iterable[tuple[Mapping[str, str], Iterable[tuple[float, float]]]]) -> None:
        """Store samples as (Unix time in seconds, value), oldest first, by remote write."""
        body = _snappy(b"".join(_field(1, _time_series(labels, samples)) for labels, samples in series))
        request = urllib.request.Request(
            f"{self.url}/api/v1/write",
            data=body,
            headers={"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.status in {200, 204}


@contextmanager
def real_prometheus(
    program: Path,
    configuration: str = "",
    *,
    flags: Sequence[str] = (),
    web: Path | None = None,
    trust: ssl.SSLContext | None = None,
) -> Iterator[RealPrometheus]:
    """Run Prometheus with this configuration and data of its own; nothing is left behind.

    Args:
        program: the server.
        configuration: what it scrapes.
        flags: more of the command line.
        web: a file that says who may ask it and how.
        trust: how to ask whether it is ready, if it serves HTTPS.
    """
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "prometheus.yaml"
        file.write_text(configuration)
        port = free_port()
        process = subprocess.Popen(
            [
                program,
                f"--config.file={file}",
                f"--storage.tsdb.path={directory}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--web.enable-remote-write-receiver",
                "--log.level=error",
                *((f"--web.config.file={web}",) if web else ()),
                *flags,
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"{'https' if trust else 'http'}://127.0.0.1:{port}"
            _wait_until_ready(process, url, trust)
            yield RealPrometheus(url)
        finally:
            process.terminate()
            process.wait(timeout=20)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, trust: ssl.SSLContext | None) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=2, context=trust):
                return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 401:  # it wants a password, so it is there
                return
            time.sleep(0.05)
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError("Prometheus did not start")


def _time_series(labels: Mapping[str, str], samples: Iterable[tuple[float, float]]) -> bytes:
    message = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in sorted(labels.items())
    )
    for at, value in samples:
        message += _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(round(at * 1000)))
    return message


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _snappy(content: bytes) -> bytes:
    """A snappy block made of literals alone: valid, not smaller."""
    blocks = [content[start : start + 65536] for start in range(0, len(content), 65536)]
    literals = (b"\xf4" + struct.pack("<H", len(block) - 1) + block for block in blocks)
    return _varint(len(content)) + b"".join(literals)

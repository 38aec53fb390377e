"""A real Prometheus for the tests that need one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from metrics.real_prometheus import RealPrometheus, real_prometheus


@pytest.fixture(scope="session")
def prometheus_program() -> Path:
    """The program that the local cluster runs."""
    from localcluster.build import ensure_built

    return ensure_built()["prometheus"]


@pytest.fixture(scope="module")
def prometheus(prometheus_program: Path) -> Iterator[RealPrometheus]:
    """A server without targets, to be written to."""
    with real_prometheus(prometheus_program) as server:
        yield server

"""What the tests of the life of a rollout begin with."""

import pytest

from rollout.simulator import Simulator


@pytest.fixture
def healthy() -> Simulator:
    """Version 1.0.0 has all the traffic."""
    world = Simulator()
    world.settle()
    return world

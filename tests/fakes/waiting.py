"""Waiting for a condition, with an end."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Return as soon as the condition is true; fail with its source if that takes too long."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain")
        await asyncio.sleep(0.002)

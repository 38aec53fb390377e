"""Pure: the life of a rollout. `plan()` turns what is wanted and what is seen into what to do."""

from serin.rollout.plan import plan

__all__ = ["plan"]

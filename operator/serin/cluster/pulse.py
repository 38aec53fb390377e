"""Signs of life of what runs for ever and could fall silent unnoticed."""

import time
from collections.abc import Callable


class Pulse:
    """When something was last seen to be alive. That all goes well with it is another question."""

    def __init__(self, limit_seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Count from now on.

        Args:
            limit_seconds: after how long a silence only a restart helps.
            monotonic: the time, in seconds.
        """
        self._limit = limit_seconds
        self._monotonic = monotonic
        self._beaten_at = monotonic()

    def beat(self) -> None:
        """Note a sign of life."""
        self._beaten_at = self._monotonic()

    @property
    def silence(self) -> float:
        """Seconds since the last sign of life."""
        return self._monotonic() - self._beaten_at

    @property
    def alive(self) -> bool:
        """Whether the last sign of life is recent enough."""
        return self.silence < self._limit

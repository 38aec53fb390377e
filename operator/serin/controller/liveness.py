"""What only a restart helps against. That others are down is none of it: a restart would not bring them back."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from serin.cluster.lease import Elector
from serin.cluster.pulse import Pulse
from serin.controller.clock import Clock, TimeSource
from serin.controller.queue import WorkQueue

Check = Callable[[], tuple[str, bool]]
"""A line for people, and whether all is well. It is asked every second, so it may see how long something lasts."""

LATE_SECONDS = 60.0
STUCK_WORK_SECONDS = 300.0
OVERDUE_SECONDS = 5.0


def watches_live(pulses: Mapping[str, Pulse]) -> Check:
    """Each watch has had an event, a bookmark or an attempt to begin anew within its own limits."""

    def check() -> tuple[str, bool]:
        silent = [f"{name} silent for {pulse.silence:.0f} s" for name, pulse in pulses.items() if not pulse.alive]
        return f"the watches live ({', '.join(silent) or 'none is silent'})", not silent

    return check


def clock_keeps_up(
    clock: Clock[Any], rollouts_time: TimeSource, monotonic: Callable[[], float] = time.monotonic
) -> Check:
    """What is due is woken: the clock has not been behind all the time for a minute.

    Once is not enough: after the machine was suspended everything is late, and the clock catches up.
    """
    behind_since: float | None = None

    def check() -> tuple[str, bool]:
        nonlocal behind_since
        due = clock.next_due()
        if due is None or due > rollouts_time.now():
            behind_since = None
        elif behind_since is None:
            behind_since = monotonic()
        lag = 0.0 if behind_since is None else monotonic() - behind_since
        return f"the clock keeps up (behind for {lag:.0f} s)", lag <= LATE_SECONDS

    return check


def work_goes_on(queue: WorkQueue[Any]) -> Check:
    """No worker is stuck on one key for longer than all requests of one plan may take."""

    def check() -> tuple[str, bool]:
        seconds = queue.longest_work()
        return f"work goes on (the longest under way for {seconds:.0f} s)", seconds <= STUCK_WORK_SECONDS

    return check


def leadership_ends_in_time(elector: Elector) -> Check:
    """A leader whose time is over knows it. It writes nothing any more, but it would not compete either."""

    def check() -> tuple[str, bool]:
        overdue = elector.overdue
        return f"leadership ends in time (overdue by {overdue:.0f} s)", overdue <= OVERDUE_SECONDS

    return check

"""The rule by which one metric is judged from its evidence, for many metrics at once.

- **Fail**: the evidence of harm convicts, and the estimate is beyond the user's limit: both real and large enough;
  since the start of the analysis, or in this step alone, for what only more traffic brings out. Against a limit
  (`threshold`), the candidate must be over it *and* worse than stable.
- **Pass**: the evidence that it is good enough suffices, and the step's estimate is within the limit.
- **Hold**: over the limit together with stable (SharedBreach); or half of the evidence that would convict is there
  (Suspected): it gets no more traffic until it is known.
- **Continue**: otherwise.

What the data lack is looked at before, in `serin.judge.recent`.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from serin.api.status import Verdict
from serin.judge.budget import SAFE_THRESHOLD
from serin.judge.evidence import Floats
from serin.judge.processes import Flags, Reading, Table

Findings = NDArray[np.int8]

HALFWAY = 0.5
"""The share of the (logarithm of the) convicting evidence from which on a candidate is suspected. By chance alone a
healthy one comes so far in one rollout out of ten or fewer, and such a hold ends by itself."""
CATASTROPHE = 0.5
"""A share of bad events that no split and no patience excuses."""


class Finding(IntEnum):
    """What is said of one metric."""

    STARTING = 0
    TOO_FEW_SAMPLES = 1
    UNDECIDED = 2
    UNVERIFIED = 3
    PASSED = 4
    SUSPECTED = 5
    SHARED_BREACH = 6
    DOUBTED = 7
    NO_BASELINE = 8
    NO_TRAFFIC = 9
    NO_LABELS = 10
    NO_DATA = 11
    UNAVAILABLE = 12
    FAILED = 13
    CATASTROPHIC = 14

    @property
    def verdict(self) -> Verdict:
        """What follows from it."""
        if self is Finding.PASSED:
            return Verdict.PASS
        if self >= Finding.FAILED:
            return Verdict.FAIL
        return Verdict.HOLD if self >= Finding.SUSPECTED else Verdict.CONTINUE

    @property
    def reason(self) -> str:
        """The same in one word, for status and Events."""
        return _REASONS[self]


_REASONS = {
    Finding.STARTING: "Starting",
    Finding.TOO_FEW_SAMPLES: "TooFewSamples",
    Finding.UNDECIDED: "Undecided",
    Finding.UNVERIFIED: "TooFewTicks",
    Finding.PASSED: "WithinLimit",
    Finding.SUSPECTED: "Suspected",
    Finding.SHARED_BREACH: "SharedBreach",
    Finding.DOUBTED: "TrafficUnverified",
    Finding.NO_BASELINE: "NoBaseline",
    Finding.NO_TRAFFIC: "NoTraffic",
    Finding.NO_LABELS: "NoLabels",
    Finding.NO_DATA: "NoData",
    Finding.UNAVAILABLE: "PrometheusUnavailable",
    Finding.FAILED: "OverLimit",
    Finding.CATASTROPHIC: "OverLimit",
}


def decide(start: Reading, step: Reading, newest: Floats, min_samples: Floats) -> Findings:
    """What the evidence says of each metric.

    start, step: its two processes, a row a metric.
    newest: the share of bad events among the candidate's in the newest tick.
    """
    failed = _fails(start) | _fails(step)
    half = _fails(start, HALFWAY) | _fails(step, HALFWAY)
    limit = step.terms["limit"]
    over_limit = step.terms["has_limit"] & (step.rate > limit + _ROUNDING)
    certain = ~step.terms["alone"] & (step.over >= step.terms["threshold"])
    breaching = over_limit & certain & (newest > limit)
    shared = breaching & (step.baseline_rate > limit)
    safe = np.maximum(start.safe, step.safe) >= SAFE_THRESHOLD
    within = ~np.where(step.terms["has_limit"], over_limit, _beyond(step.terms, step.rate, step.difference))
    passed = safe & (step.ticks > 0) & within
    few = step.samples < min_samples
    findings: Findings = np.select(
        [failed, shared, half | breaching, passed, few],
        [Finding.FAILED, Finding.SHARED_BREACH, Finding.SUSPECTED, Finding.PASSED, Finding.TOO_FEW_SAMPLES],
        Finding.UNDECIDED,
    ).astype(np.int8)
    return findings


def convicts(reading: Reading) -> Flags:
    """Whether each of these processes alone says that its metric fails."""
    return _fails(reading)


def _fails(reading: Reading, share: float = 1.0) -> Flags:
    """Whether `share` of the convicting evidence is there, and the estimate is beyond the limit.

    The estimate since the process began, or since something spoke against the candidate: a long good time before does
    not excuse what it does now.
    """
    terms = reading.terms
    enough = share * terms["threshold"]
    worse = terms["alone"] | (reading.harm >= enough)
    over = ~terms["has_limit"] | (reading.over >= enough)
    beyond = _beyond(terms, reading.rate, reading.difference)
    stretch = _beyond(terms, reading.stretch_rate, reading.stretch_difference)
    fails: Flags = (reading.ticks > 0) & worse & over & (beyond | stretch)
    return fails


def _beyond(terms: Table, rate: Floats, difference: Floats) -> Flags:
    """Whether an estimate is beyond what the user tolerates. One that equals the limit is within it.

    Against a limit, the candidate must be over it and worse than the baseline.
    """
    beyond_limit = rate > terms["limit"] + _ROUNDING
    worse = difference > np.where(terms["has_limit"], 0.0, terms["tolerance"]) + _ROUNDING
    beyond: Flags = np.where(terms["has_limit"], beyond_limit & (worse | terms["alone"]), worse)
    return beyond


_ROUNDING = 1e-9
"""Whatever floating point makes of a division."""

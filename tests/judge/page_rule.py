"""The rule by which one metric is judged, written once more for one metric: what `serin.judge.rule` must equal."""

from judge.page import Page, Weighed, mean_evidence, safe_threshold

ROUNDING = 1e-9
"""An estimate so little beyond a limit equals it."""


def judge(start: Page, step: Page, *, newest: float, min_samples: float) -> str:
    """What is found of one metric. newest: the candidate's rate in the newest tick."""
    if fails(start) or fails(step):
        return "FAILED"
    breaches = breaches_for_certain(step, newest)
    if breaches and step.tau is not None and step.whole.totals.rate_b > step.tau:
        return "SHARED_BREACH"
    if breaches or fails(start, 0.5) or fails(step, 0.5):
        return "SUSPECTED"
    acquitted = max(mean_evidence(start.safe), mean_evidence(step.safe)) >= safe_threshold()
    if acquitted and step.seen and is_within(step):
        return "PASSED"
    enough = step.whole.totals.n_c + step.carry.n_c >= min_samples
    return "UNDECIDED" if enough else "TOO_FEW_SAMPLES"


def fails(page: Page, share: float = 1.0) -> bool:
    """Real, and large enough: as a whole, or in the stretch."""
    enough = share * page.threshold
    worse = page.alone or mean_evidence(page.harm) >= enough
    over = page.tau is None or mean_evidence(page.over) >= enough
    return bool(page.seen) and worse and over and (is_beyond(page, page.whole) or is_beyond(page, page.lately))


def is_beyond(page: Page, weighed: Weighed) -> bool:
    """Whether an estimate is beyond what is tolerated: worse by more than d, or over the limit and worse at all."""
    if page.tau is None:
        return weighed.difference > page.d + ROUNDING
    return weighed.rate > page.tau + ROUNDING and (page.alone or weighed.difference > ROUNDING)


def is_within(page: Page) -> bool:
    """Whether the estimate is within the limit, whatever the baseline does."""
    return not is_beyond(page, page.whole) if page.tau is None else page.whole.rate <= page.tau + ROUNDING


def breaches_for_certain(page: Page, newest: float) -> bool:
    """Whether the candidate is over a limit, no chance any more and still so, though perhaps not alone in it."""
    if page.tau is None or page.alone or is_within(page):
        return False
    return mean_evidence(page.over) >= page.threshold and newest > page.tau

"""How the verdicts of the metrics add up to that of the rollout, and what is told of it.

1. The data must be there. What the newest ticks lack holds the rollout; it is never a failure or a success.
2. The split must be the one asked for. Until then no pass and no failure is believed, with one exception: a
   catastrophe, more than half of the candidate's events bad for certain, and not stable's. That share is taken over the
   requests that the candidate did get, however many these are; and a failing candidate itself bends the split, by
   clients that try again and proxies that eject its pods, so that to hold here would be to leave users with it.
3. Each metric is judged by `serin.judge.rule`.
4. One failed Rollback metric fails the rollout; else whatever holds one holds it; else all must pass. A Warn metric is
   shown with its own verdict and moves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from serin.api.ab_test_status import ABTestDecision
from serin.api.spec import MetricAction
from serin.api.status import AnalysisStatus, MetricStatus, Verdict
from serin.judge.measure import Measure
from serin.judge.rule import Finding
from serin.judge.split import Doubt
from serin.judge.trial import Hearing, Trial
from serin.judge.words import about
from serin.judge.words import events as events_of


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything about a trial that can change what is done: two that are equal need not be told twice.

    findings: of each metric. enough: whether the step has the ticks and events that its end needs. decision: of an A/B
    test.
    """

    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...]
    enough: bool
    decision: ABTestDecision | None = None


def summarize(trial: Trial) -> Summary:
    """The verdict, without a word for people."""
    findings = trial.findings
    deciding = [
        finding
        for finding, measure in zip(findings, trial.measures, strict=True)
        if measure.metric.action is MetricAction.ROLLBACK
    ]
    verdict, reason = _sum_up(deciding, trial.split_doubt, verified=trial.split_verified)
    analysis = trial.analysis
    enough = trial.ticks >= analysis.confirm and trial.samples >= analysis.min_samples
    return Summary(verdict, reason, findings, enough, trial.ab_test.decision if trial.ab_test is not None else None)


def _sum_up(deciding: Sequence[Finding], doubt: Doubt | None, *, verified: bool) -> tuple[Verdict, str]:
    for verdict in (Verdict.FAIL, Verdict.HOLD, Verdict.CONTINUE):
        if verdict is Verdict.HOLD and doubt is not None:
            return verdict, doubt.reason
        found = _first(deciding, verdict)
        if found is not None:
            return verdict, found.reason
    return (Verdict.PASS, "WithinLimit") if verified else (Verdict.CONTINUE, "TooFewTicks")


def _first(findings: Sequence[Finding], verdict: Verdict) -> Finding | None:
    return next((finding for finding in findings if finding.verdict is verdict), None)


def explain(trial: Trial) -> AnalysisStatus:
    """The verdict with every number that it rests on, in words."""
    summary = summarize(trial)
    metrics = tuple(
        _told(trial, hearing, finding) for hearing, finding in zip(trial.hearings, summary.findings, strict=True)
    )
    return AnalysisStatus(
        revision=trial.candidate,
        started_at=trial.began,
        at=trial.look.at if trial.look is not None else trial.began,
        verdict=summary.verdict,
        reason=summary.reason,
        message=_message(summary, metrics, trial.split_doubt),
        ticks=trial.ticks,
        samples=trial.samples,
        budget=trial.budget,
        split=trial.split.status,
        metrics=metrics,
        test=trial.ab_test.status if trial.ab_test is not None else None,
    )


def _told(trial: Trial, hearing: Hearing, finding: Finding) -> MetricStatus:
    status = hearing.measure.status()
    told = {
        "verdict": finding.verdict,
        "reason": finding.reason,
        "message": _words(trial, hearing, finding, status.message),
        "needs": _needs(hearing.measure, trial.analysis.min_samples) if finding in _OPEN else None,
    }
    return status.model_copy(update=told)


_OPEN = {Finding.TOO_FEW_SAMPLES, Finding.UNDECIDED}


def _needs(measure: Measure, min_samples: int) -> str | None:
    """What is missing for a verdict, as far as that can be told beforehand."""
    missing = max(0.0, min_samples - (min_samples if measure.samples is None else measure.samples))
    outlook = measure.outlook
    events = missing if outlook is None else max(missing, outlook.events)
    if events == 0:
        return None
    needed = f"{about(events)} more of the candidate's {events_of(measure.metric)}"
    fails = outlook is not None and outlook.verdict is Verdict.FAIL and outlook.events > 0
    return f"{needed} until it fails, if it goes on like this" if fails else needed


def _words(trial: Trial, hearing: Hearing, finding: Finding, numbers: str) -> str:
    """What is known of a metric, and what speaks against deciding by it."""
    name, note, confirm = hearing.measure.metric.name, hearing.recent.newest.note, trial.analysis.confirm
    aside = f" ({note})" if note else ""
    because = f": {note}" if note else ""
    doubt = trial.split_doubt
    lacks = hearing.recent.newest.candidate is None
    problem = trial.look.problem if trial.look else None
    sentences = {
        Finding.STARTING: "The first tick of the analysis is not over yet",
        Finding.UNAVAILABLE: f"{name} cannot be read: {problem}",
        Finding.NO_DATA: f"No series gives {name}{because}" if lacks else f"{name} cannot be compared: {numbers}",
        Finding.NO_TRAFFIC: f"The candidate had nothing in {confirm} ticks that {name} could count",
        Finding.NO_LABELS: f"No true label of a prediction has come back yet{because}",
        Finding.NO_BASELINE: f"Stable has nothing that {name} could be compared with{because}; {numbers}",
        Finding.SHARED_BREACH: f"{numbers}: stable shares the breach, so it is not the candidate's{aside}",
        Finding.SUSPECTED: f"{numbers}: half of the evidence for a rollback is there{aside}",
        Finding.UNVERIFIED: f"{numbers}; not believed before {confirm} ticks have verified the split{aside}",
        Finding.DOUBTED: f"{numbers}; not believed: {doubt.message if doubt else ''}{aside}",
    }
    return sentences.get(finding, f"{numbers}{aside}")


def _message(summary: Summary, metrics: Sequence[MetricStatus], doubt: Doubt | None) -> str:
    deciding = [status for status in metrics if status.action == MetricAction.ROLLBACK]
    if summary.verdict is Verdict.HOLD and doubt is not None and summary.reason == doubt.reason:
        return doubt.message
    telling = [status for status in deciding if status.verdict is summary.verdict]
    if telling and summary.verdict is not Verdict.PASS:
        return f"{telling[0].name}: {telling[0].message}"
    if summary.verdict is Verdict.CONTINUE:
        return "Too few ticks of this step to verify the split"
    if not deciding:
        return "No metric may roll back, and the split is as asked for"
    return "; ".join(f"{status.name}: {status.message}" for status in deciding)

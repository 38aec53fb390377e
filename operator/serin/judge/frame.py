"""The frame of a verdict: what holds before any metric is judged, and how verdicts add up.

1. The data must be there. What the newest tick lacks holds the rollout; it is never a failure or a success.
2. The split must be the one asked for. Until then no pass and no failure is believed, with one exception: a
   catastrophe (a threshold metric whose share of bad events is above one half for certain, confirmed, and not shared
   by stable). That share is taken over the requests that the candidate did get, however many these are; and a
   failing candidate itself bends the split, by clients that try again and proxies that eject its pods, so that to
   hold here would be to leave users with it.
3. Each metric is judged by `serin.judge.rule`.
4. One failed Rollback metric fails the rollout; else whatever holds one holds it; else all must pass. A Warn metric
   is shown with its own verdict and moves nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from serin.api.spec import Analysis, MetricAction, MetricName
from serin.api.status import AnalysisStatus, MetricStatus, Verdict
from serin.judge.counts import Tick
from serin.judge.rule import Answer, Question, decide, explain
from serin.judge.series import metric_pairs, of_step, pool, tidy
from serin.judge.split import Doubt, Split, verify_split
from serin.judge.words import about, events


def judge(
    analysis: Analysis,
    ticks: Sequence[Tick],
    *,
    step_since: datetime,
    weight: int,
    candidate: str,
    started_at: datetime,
) -> AnalysisStatus:
    """Fold the tick log into a verdict, with the numbers that it rests on.

    ticks: every tick since the analysis began, at its grid times; order does not matter, and of two for the same
        time the answered one counts. Those whose window lies in the step belong to it (`series.of_step`).
    weight: the candidate's weight in percent since `step_since`.
    candidate: the revision that is judged.
    """
    log = tidy(ticks, started_at=started_at, interval=analysis.interval)
    step = of_step(log, since=step_since, interval=analysis.interval)
    newest = log[-1] if log else None
    split = verify_split(step, newest, weight=weight, confirm=analysis.confirm)
    questions = [
        Question(
            metric=metric,
            confirm=analysis.confirm,
            min_samples=analysis.min_samples,
            weight=weight,
            analysis=metric_pairs(log, metric.name),
            step=metric_pairs(step, metric.name),
        )
        for metric in analysis.metrics
    ]
    statuses = tuple(_believed(_answer(question, newest), split) for question in questions)
    verdict, reason, message = _sum_up(statuses, split)
    return AnalysisStatus(
        revision=candidate,
        started_at=started_at,
        at=newest.at if newest is not None else started_at,
        verdict=verdict,
        reason=reason,
        message=message,
        ticks=_with_data(step),
        samples=_samples(questions, step),
        split=split.status,
        metrics=statuses,
    )


def _with_data(step: Sequence[Tick]) -> int:
    pairs = [tick.requests for tick in step]
    return sum(1 for pair in pairs if pair and pair.candidate is not None and pair.candidate.total > 0)


def _samples(questions: Sequence[Question], step: Sequence[Tick]) -> float:
    deciding = [q for q in questions if q.metric.action is MetricAction.ROLLBACK]
    if deciding:
        return min(pool(question.step).candidate.total for question in deciding)
    return pool(tick.requests for tick in step if tick.requests is not None).candidate.total


def _answer(question: Question, newest: Tick | None) -> Answer:
    if newest is None:
        message = "The first tick of the analysis is not over yet"
        return Answer(explain(question, verdict=Verdict.CONTINUE, reason="Starting", message=message))
    missing = _missing(question, newest)
    if missing is None:
        return _noted(decide(question), question.analysis[-1].note)
    status = explain(question, verdict=Verdict.HOLD, reason=missing.reason, message=missing.message)
    return Answer(status.model_copy(update={"needs": _needs(question)}))


def _noted(answer: Answer, note: str | None) -> Answer:
    """The answer, with what a person should know of how its newest counts were made."""
    if note is None:
        return answer
    message = f"{answer.status.message} ({note})"
    return replace(answer, status=answer.status.model_copy(update={"message": message}))


def _missing(question: Question, newest: Tick) -> Doubt | None:
    """Why the newest data of a metric are missing; None if they are there."""
    name = question.metric.name
    if newest.problem is not None and name not in newest.metrics:
        return Doubt("PrometheusUnavailable", f"{name} cannot be read: {newest.problem}")
    if name is MetricName.ACCURACY:
        return _missing_labels(question)
    pair = question.analysis[-1]
    note = f": {pair.note}" if pair.note else ""
    if pair.candidate is None:
        return Doubt("NoData", f"No series gives {name} of the candidate{note}")
    if pair.candidate.total == 0:
        return Doubt("NoTraffic", f"The candidate had no requests in the newest tick that {name} could count")
    return None


def _missing_labels(question: Question) -> Doubt | None:
    """Labels come late and in batches: a tick without new ones is nothing, but they must come, and go on coming."""
    ever, recent = pool(question.analysis), question.analysis[-question.confirm :]
    note = f": {recent[-1].note}" if recent[-1].note else ""
    for whose, total, sides in (
        ("the candidate", ever.candidate.total, [pair.candidate for pair in recent]),
        ("stable", ever.stable.total, [pair.stable for pair in recent]),
    ):
        if whose == "stable" and question.weight == 100 and total > 0:
            continue  # stable gets no requests any more, so its labels dry up
        if total == 0:
            return Doubt("NoLabels", f"No true label of a prediction of {whose} has come back yet{note}")
        if all(side is None for side in sides):
            return Doubt("NoData", f"The series of labeled predictions of {whose} are gone{note}")
    return None


def _needs(question: Question) -> str | None:
    samples = pool(question.step).candidate.total
    if samples >= question.min_samples:
        return None
    return f"{about(question.min_samples - samples)} more of the candidate's {events(question.metric)}"


def _believed(answer: Answer, split: Split) -> MetricStatus:
    status = answer.status
    if split.verified or answer.catastrophe or status.verdict not in {Verdict.PASS, Verdict.FAIL}:
        return status
    message = f"{status.message}; not believed until the split is verified"
    if split.doubt is None:
        return status.model_copy(update={"verdict": Verdict.CONTINUE, "reason": "TooFewTicks", "message": message})
    return status.model_copy(update={"verdict": Verdict.HOLD, "reason": split.doubt.reason, "message": message})


def _sum_up(statuses: Sequence[MetricStatus], split: Split) -> tuple[Verdict, str, str]:
    deciding = [status for status in statuses if status.action == MetricAction.ROLLBACK]
    failed = _first(deciding, Verdict.FAIL)
    if failed is not None:
        return Verdict.FAIL, failed.reason, f"{failed.name}: {failed.message}"
    if split.doubt is not None:
        return Verdict.HOLD, split.doubt.reason, split.doubt.message
    open_ = _first(deciding, Verdict.HOLD) or _first(deciding, Verdict.CONTINUE)
    if open_ is not None:
        return open_.verdict, open_.reason, f"{open_.name}: {open_.message}"
    if not split.verified:
        return Verdict.CONTINUE, "TooFewTicks", "Too few ticks of this step to verify the split"
    return Verdict.PASS, "WithinLimit", _all_passed(deciding)


def _first(statuses: Sequence[MetricStatus], verdict: Verdict) -> MetricStatus | None:
    return next((status for status in statuses if status.verdict is verdict), None)


def _all_passed(deciding: Sequence[MetricStatus]) -> str:
    if not deciding:
        return "No metric may roll back, and the split is as asked for"
    return "; ".join(f"{status.name}: {status.message}" for status in deciding)

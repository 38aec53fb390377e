"""What the API server takes and a person would regret: of times, steps and the data that they need."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from serin.api.base import format_duration
from serin.api.spec import Analysis, MetricAction, ModelDeploymentSpec
from serin.api.status import StepKind
from serin.cli.findings import Finding, Severity, finding
from serin.cli.manifests import Document, FieldPath
from serin.rollout.schedule import schedule
from serin.rollout.stages import RAMP_BLOCKS, Stage

ANALYSIS: FieldPath = ("spec", "analysis")
STRATEGY: FieldPath = ("spec", "strategy")
STEPS: FieldPath = (*STRATEGY, "canary", "steps")


@dataclass(frozen=True)
class Surroundings:
    """What a manifest does not say: how often targets are scraped, and requests per second, if known."""

    scrape_interval: timedelta
    requests: float | None = None


def advice(document: Document, spec: ModelDeploymentSpec, surroundings: Surroundings) -> Iterator[Finding]:
    """Everything about a valid ModelDeployment that is hardly as it was meant, or can never work."""
    analysis, plan = spec.analysis, schedule(spec)
    if plan is None:
        return
    judged = any(stage.is_judged for stage in plan.stages)
    if (analysis is None and any(stage.mirror for stage in plan.stages)) or (analysis is not None and not judged):
        yield _nothing_judged(document, has_analysis=analysis is not None)
    if analysis is None or not judged:
        return
    yield from _interval(document, analysis, surroundings.scrape_interval)
    yield from _only_warnings(document, analysis)
    # An A/B test has its own time and size: `serin.cli.ab_test`.
    stages = tuple(stage for stage in plan.stages if stage.kind is not StepKind.TEST)
    yield from _max_duration(document, analysis, stages)
    for stage in stages:
        yield from _hold(document, analysis, stage)
    if surroundings.requests is not None and stages:
        yield from _min_samples(document, analysis, stages, surroundings.requests)


def least_time(analysis: Analysis, stage: Stage) -> timedelta:
    """How long a stage takes at least: its hold, and the ticks that a verdict needs. A pause that waits takes none."""
    if not stage.is_judged:
        return stage.hold or timedelta(0)
    return max(stage.hold or timedelta(0), analysis.interval * analysis.confirm)


def _nothing_judged(document: Document, *, has_analysis: bool) -> Finding:
    remedy = (
        "the candidate gets all the traffic at once and is never judged: write blueGreen.mirror to judge it by copies "
        "of requests before, or analysis.watch to judge it after"
        if has_analysis
        else "copies of requests are made, and nothing is judged by them: write spec.analysis"
    )
    return finding(document, STRATEGY, remedy, rule="nothing-is-judged", severity=Severity.WARNING)


def _interval(document: Document, analysis: Analysis, scrape_interval: timedelta) -> Iterator[Finding]:
    if analysis.interval >= 2 * scrape_interval:
        return
    yield finding(
        document,
        (*ANALYSIS, "interval"),
        f"{format_duration(analysis.interval)} is shorter than two scrapes of {format_duration(scrape_interval)}: a "
        f"window with a late scrape has no data, and holds the rollout; write at least "
        f"{format_duration(2 * scrape_interval)}, or scrape more often (--scrape-interval tells how often)",
        rule="interval-below-two-scrapes",
        severity=Severity.WARNING,
    )


def _only_warnings(document: Document, analysis: Analysis) -> Iterator[Finding]:
    if all(metric.action is MetricAction.WARN for metric in analysis.metrics):
        yield finding(
            document,
            (*ANALYSIS, "metrics"),
            "every metric only warns, so nothing can roll back: let one of them have action: Rollback",
            rule="nothing-rolls-back",
            severity=Severity.WARNING,
        )


def _max_duration(document: Document, analysis: Analysis, stages: tuple[Stage, ...]) -> Iterator[Finding]:
    # Pauses do not use maxDuration up.
    judged = [stage for stage in stages if stage.is_judged]
    least = sum((least_time(analysis, stage) for stage in judged), timedelta(0))
    if least <= analysis.max_duration:
        return
    yield finding(
        document,
        (*ANALYSIS, "maxDuration"),
        f"the steps take at least {format_duration(least)}: it is over before the last one is, and onInconclusive "
        f"({analysis.on_inconclusive}) decides; write more, or shorten the steps",
        rule="max-duration-before-last-step",
    )


def _hold(document: Document, analysis: Analysis, stage: Stage) -> Iterator[Finding]:
    """A hold that ends before a verdict can is not how long the step takes."""
    judged = analysis.interval * analysis.confirm
    if not stage.is_judged or not stage.hold or stage.hold >= judged or stage.block:
        return
    ticks = f"confirm ({analysis.confirm}) ticks of {format_duration(analysis.interval)}"
    what = "the watch" if stage.kind is StepKind.WATCH else "the step"
    path: FieldPath
    if stage.kind is StepKind.RAMP:
        path, least = (*STEPS, stage.step - 1, "ramp", "over"), judged * RAMP_BLOCKS
        why = f"each of its {RAMP_BLOCKS} pieces has {ticks}"
    elif stage.kind in {StepKind.WATCH, StepKind.MIRROR}:
        path, least = (*ANALYSIS, "watch") if stage.kind is StepKind.WATCH else STRATEGY, judged
        why = f"it has {ticks}"
    else:
        path, least = (*STEPS, stage.step - 1, "hold"), judged
        why = f"it has {ticks}"
    yield finding(
        document,
        path,
        f"{what} takes at least {format_duration(least)}, because {why}: write that, or lower confirm or interval",
        rule="hold-shorter-than-confirm",
        severity=Severity.WARNING,
    )


def _min_samples(
    document: Document, analysis: Analysis, stages: tuple[Stage, ...], requests: float
) -> Iterator[Finding]:
    """Steps whose candidate does not get minSamples requests in their time; error if maxDuration is not enough."""
    judged = [stage for stage in stages if stage.is_judged]
    needed = [timedelta(seconds=analysis.min_samples / (requests * stage.reaches / 100)) for stage in judged]
    whole = sum(
        (max(need, least_time(analysis, stage)) for need, stage in zip(needed, judged, strict=True)), timedelta(0)
    )
    slowest, need = max(zip(judged, needed, strict=True), key=lambda pair: pair[1] - least_time(analysis, pair[0]))
    if need <= least_time(analysis, slowest):
        return
    hopeless = whole > analysis.max_duration
    events = f"at {requests:g} requests/s and {slowest.reaches}% a step needs {format_duration(_rounded(need))}"
    yield finding(
        document,
        (*ANALYSIS, "minSamples"),
        f"{events} for {analysis.min_samples} requests of the candidate"
        + (
            f", and all steps more than maxDuration, {format_duration(analysis.max_duration)}: write fewer, raise "
            "maxDuration, or begin with a higher weight"
            if hopeless
            else ", which is longer than it is held: expect that, write fewer, or begin with a higher weight"
        ),
        rule="min-samples-out-of-reach" if hopeless else "min-samples-take-longer",
        severity=Severity.ERROR if hopeless else Severity.WARNING,
    )


def _rounded(span: timedelta) -> timedelta:
    return timedelta(seconds=max(1, round(span.total_seconds())))

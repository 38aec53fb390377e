"""Kubernetes' own autoscaler: what it says to a case, and where ours says otherwise."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from typing import Any

from localcluster.build import ensure_built
from scaling.as_kubernetes import Case, Pass, case, instant, spec
from serin.scaling.afterwards import applied, refused, unknown_scale
from serin.scaling.autoscaler import recommend
from serin.scaling.evaluation import evaluate
from serin.scaling.history import EMPTY, History
from serin.scaling.metrics import ExternalMetric, ObjectMetric
from serin.scaling.observed import Observed
from serin.scaling.report import MetricReport
from serin.scaling.spec import AutoscalerSpec, Settings
from serin.scaling.tolerance import tolerances_of

Answer = dict[str, Any]
"""What becomes of one pass, in the words of the program (`programs/hpa/case.go`)."""
COMPUTE = "failed to compute desired number of replicas based on listed metrics for Deployment/default/model: "
NO_REQUEST = re.compile(
    r"(missing (pod-level )?request for \S+ in (container \S+ of )?Pod \S+|container \S+ not found in Pod \S+)"
)


def upstream(cases: Iterable[Case]) -> list[list[Answer]]:
    """What Kubernetes' autoscaler says to each pass of each case."""
    return _ask(case(it) for it in cases)


def refused_by_upstream(specs: Iterable[AutoscalerSpec], settings: Settings) -> list[list[str]]:
    """What Kubernetes' API server would refuse in each spec: each problem with its field."""
    return _ask(case(Case(settings, ())) | {"spec": spec(it)} for it in specs)


def worth_to_upstream(quantities: Sequence[str]) -> list[tuple[int, float]]:
    """What Kubernetes makes of quantities: in milli-units, and as a tolerance."""
    [answers] = _ask([case(Case(Settings(), ())) | {"quantities": quantities}])
    return [(it["milli"], it["approximate"]) for it in answers]


def _ask(questions: Iterable[dict[str, Any]]) -> list[Any]:
    """The answers of the program, which is built the first time."""
    lines = "\n".join(json.dumps(it) for it in questions)
    program = str(ensure_built(("hpa",))["hpa"])
    run = subprocess.run([program], input=lines, capture_output=True, text=True, check=False, timeout=280)
    assert run.returncode == 0, run.stderr[-3000:]
    return [json.loads(line) for line in run.stdout.splitlines()]


def ours(one: Case) -> list[Answer]:
    """What our autoscaler says to each pass of a case."""
    answers = []
    history = EMPTY
    for step in one.passes:
        answer, history = our_pass(step, history, one.settings)
        answers.append(answer)
    return answers


def our_pass(step: Pass, history: History, settings: Settings) -> tuple[Answer, History]:
    """What our autoscaler says to one pass, and what the next must know."""
    now, current = step.situation.now, step.situation.scale.spec_replicas
    metrics = _metrics(step, settings)
    if step.get_scale:
        history = unknown_scale(history, step.get_scale, now)
        return _answer(history, metrics=metrics, replicas=current, rescaled=False, reason="", error=None), history
    said = recommend(step.spec, step.situation, history, settings)
    failed = said.rescale and step.update_scale != ""
    done = refused(said, step.update_scale, now) if failed else applied(said, step.spec, now, settings)
    selects = step.situation.scale.selector_problem is None
    answer = _answer(
        done.history,
        metrics=metrics,
        replicas=current if failed else done.replicas,
        rescaled=said.rescale and not failed,
        reason=said.reason if said.rescale else "",
        error=None if failed or not selects else said.error,
    )
    return answer, done.history


def _answer(history: History, **said: Any) -> Answer:
    return said | {
        "conditions": [
            {"type": it.type, "status": it.status, "reason": it.reason, "message": it.message, "since": it.since}
            for it in history.conditions
        ],
        "lastScale": history.last_scale,
        "recommendations": [{"replicas": it.replicas, "at": it.at} for it in history.recommendations],
        "scaleUps": [{"change": it.change, "at": it.at, "outdated": it.outdated} for it in history.scale_ups],
        "scaleDowns": [{"change": it.change, "at": it.at, "outdated": it.outdated} for it in history.scale_downs],
    }


def _metrics(step: Pass, settings: Settings) -> list[Answer]:
    """Each metric by itself, whether the pass asks it or not."""
    situation = step.situation
    observed = Observed(
        situation.scale.spec_replicas,
        situation.scale.status_replicas,
        situation.pods,
        situation.now,
        tolerances_of(step.spec.behavior, settings),
        settings,
    )
    pairs = zip(step.spec.metrics, situation.samples, strict=True)
    return [_metric(evaluate(metric, sample, observed)) for metric, sample in pairs]


def _metric(report: MetricReport) -> Answer:
    return {
        "replicas": report.replicas,
        "averageUtilization": report.current.average_utilization,
        "averageValue": report.current.average_value,
        "value": report.current.value,
        "reason": report.reason,
        "message": f"the HPA was unable to compute the replica count: {report.error}" if report.error else "",
    }


def differences(one: Case, our: Sequence[Answer], their: Sequence[Answer]) -> list[str]:
    """Where the two say different things to a case, pass by pass; those of a kind that is explained are left out."""
    found = []
    for number, (step, mine, theirs) in enumerate(zip(one.passes, our, their, strict=True)):
        left, right = _comparable(step, mine, mine), _comparable(step, theirs, mine)
        found += [
            f"pass {number}, {field}: ours {left[field]!r}, upstream's {right[field]!r}"
            for field in left
            if left[field] != right[field]
        ]
    return found


def _comparable(step: Pass, answer: Answer, mine: Answer) -> Answer:
    """The parts of an answer that must be the same, in one form.

    An error that ours has none to compare with is left out: the API server's words, which it does not repeat.
    """
    metrics = [_comparable_metric(step, index, it) for index, it in enumerate(answer["metrics"])]
    error = None if mine["error"] is None else _words(answer["error"].removeprefix(COMPUTE))
    conditions = [
        it | {"message": _words(it["message"]), "since": _instant(it["since"])} for it in answer["conditions"]
    ]
    if step.situation.scale.selector_problem is not None:
        conditions = [it for it in conditions if it["type"] != "ScalingActive"]
    return {
        "metrics": metrics,
        "replicas": answer["replicas"],
        "rescaled": answer["rescaled"],
        "reason": _words(answer["reason"].removesuffix(f"; error: {step.update_scale}")),
        "error": error,
        "conditions": conditions,
        "lastScale": None if answer["lastScale"] is None else _instant(answer["lastScale"]),
        **{
            kind: [it | {"at": _instant(it["at"])} for it in answer[kind]]
            for kind in ("recommendations", "scaleUps", "scaleDowns")
        },
    }


def _comparable_metric(step: Pass, index: int, answer: Answer) -> Answer:
    """Explained: an average over no replicas is 0 with us, and what amd64 makes of infinity with upstream."""
    failed = answer["reason"] != ""
    metric = step.spec.metrics[index]
    over_none = isinstance(metric, ObjectMetric | ExternalMetric) and step.situation.scale.status_replicas == 0
    return {
        "replicas": None if failed else answer["replicas"],
        "averageUtilization": answer["averageUtilization"],
        "averageValue": None if over_none else answer["averageValue"],
        "value": answer["value"],
        "reason": answer["reason"],
        "message": _words(answer["message"]),
    }


def _words(text: str) -> str:
    """Without namespaces and selectors, which ours leaves out.

    Upstream lists pods in a random order: which of several pods without a request is named is left out too.
    """
    text = text.replace("(nil)", "").replace("default/", "").replace("/nil", "")
    return NO_REQUEST.sub("no request", text)


def _instant(at: Any) -> int:
    return at if isinstance(at, int) else instant(at)

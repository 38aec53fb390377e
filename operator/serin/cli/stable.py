"""Which revision of a model is the stable one, by who gets the requests."""

import re
import string
from collections import defaultdict
from collections.abc import Mapping

from serin.api.children import REVISION_PORT
from serin.cli.live import ask
from serin.cli.problems import UnusableInputError
from serin.cli.signals import series_of
from serin.cli.target import Target
from serin.metrics import MetricsProvider, Subject
from serin.metrics.preset import Preset
from serin.metrics.promql import escape_regex, selector
from serin.metrics.subject import gateway_of

_RECENT = "10m"
_CLEAR = 0.8
"""The share of the requests from which on a revision is taken for the stable one."""


def stable_revision(provider: MetricsProvider, target: Target) -> str:
    """The revision that has had nearly all the requests of late.

    Raises:
        UnusableInputError: Prometheus did not answer, or there is no such revision.
    """
    preset = _preset(target)
    requests: dict[str, float] = defaultdict(float)
    for series in series_of(preset):
        if series.signal != "requests":
            continue
        counted = selector(series.metric, dict(series.only or {}))
        by = ", ".join(preset.label_names)
        for found in ask(provider, f"sum by ({by}) (increase({counted}[{_RECENT}]))"):
            revision = _revision(preset, target, found.labels)
            if revision is not None:
                requests[revision] += found.value
    total = sum(requests.values())
    if total <= 0:
        raise UnusableInputError(
            f"Prometheus counted no request of {target.namespace}/{target.name} in the last {_RECENT}: say --requests, "
            "or which revision to measure with --stable"
        )
    most = max(requests, key=lambda revision: requests[revision])
    if requests[most] < _CLEAR * total:
        shares = ", ".join(f"{revision} {value / total:.0%}" for revision, value in sorted(requests.items()))
        raise UnusableInputError(f"several revisions get requests ({shares}): say which is stable with --stable")
    return most


def _preset(target: Target) -> Preset:
    """Who counts the requests."""
    subject = Subject(
        namespace=target.namespace,
        model=target.name,
        candidate="",
        stable="",
        analysis=target.analysis,
        server=target.spec.server,
        gateway=gateway_of(target.spec),
        due=(),
    )
    return subject.requests_preset


def _revision(preset: Preset, target: Target, labels: Mapping[str, str]) -> str | None:
    """The revision that a series is of; None if it is of another model."""
    found: str | None = None
    for label, template in preset.revision.labels.items():
        match = re.fullmatch(_pattern(template, target), preset.revision.value(label, labels.get(label, "")))
        if match is None:
            return None
        found = match.groupdict().get("revision") or found
    return found


def _pattern(template: str, target: Target) -> str:
    known = {"namespace": target.namespace, "model": target.name, "port": str(REVISION_PORT)}
    parts, is_named = [], False
    for literal, field, _, _ in string.Formatter().parse(template):
        parts.append(escape_regex(literal))
        if field == "revision":
            parts.append("(?P=revision)" if is_named else "(?P<revision>[a-z0-9]+)")
            is_named = True
        elif field:
            parts.append(escape_regex(known[field]))
    return "".join(parts)

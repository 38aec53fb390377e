"""Signals of presets that replicas follow, pod by pod: requests that wait, and requests under way."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import NamedTuple

from serin.api.autoscaling_metrics import Signal
from serin.api.children import REVISION_PORT
from serin.metrics.asking import Answer
from serin.metrics.batch import narrowing
from serin.metrics.preset import Gauge, Preset, PresetKind, TimeSpent, load_preset
from serin.metrics.promql import duration, selector
from serin.metrics.provider import MetricsError, RangeQuery
from serin.scaling.samples import PodSample, PodValues, Unavailable

STEP = timedelta(seconds=15)
"""A query for one time has no steps, and Prometheus wants one."""
TIMEOUT = timedelta(seconds=10)
"""The next pass must not wait for the answer to this one."""
WINDOW = timedelta(minutes=1)
"""A gauge is averaged over so much: a scrape a minute is in it."""
RATE_WINDOW = timedelta(minutes=2)
"""A rate needs two scrapes."""
POD_LABEL = "pod"
"""What the Prometheus operator calls the pod that it scraped, and most who write such rules themselves."""
MILLI = 1000
_LARGEST = 2**63 - 1


class Kind(NamedTuple):
    """What one query asks for: a signal, by the series of a preset, and the server that is asked."""

    prometheus: str
    signal: Signal
    preset: str


@dataclass(frozen=True)
class Load:
    """A signal of one revision."""

    kind: Kind
    namespace: str
    model: str
    revision: str

    def identity(self, preset: Preset) -> tuple[str, ...]:
        """The values of the preset's revision labels."""
        values = {"namespace": self.namespace, "model": self.model, "revision": self.revision}
        return preset.identity(values | {"port": str(REVISION_PORT)})


def series_of(kind: Kind) -> Gauge | TimeSpent | None:
    """The series that tell it; None if the preset has none.

    Raises:
        PresetError: there is no such preset.
    """
    preset = load_preset(kind.preset)
    return preset.queue if kind.signal is Signal.QUEUE_LENGTH else preset.running


def lacking(kind: Kind) -> str:
    """Why the preset does not tell it, and what to write in its place."""
    preset = load_preset(kind.preset)
    what = "does not know pods, so it tells no" if preset.kind is PresetKind.PROXY else "exposes no"
    return (
        f"{preset.title} {what} {kind.signal}: in place of metric: {kind.signal} write a query of your own, which"
        ' selects the version by a placeholder, such as query: sum(my_queue{serin_revision="$revision"})'
    )


def query_of(loads: Sequence[Load], at: datetime) -> RangeQuery:
    """One query for many revisions, of one kind."""
    kind = loads[0].kind
    preset, series = load_preset(kind.preset), series_of(kind)
    if series is None:
        raise ValueError(lacking(kind))
    matchers = {**series.only, **narrowing(preset.revision, [load.identity(preset) for load in loads])}
    selected = selector(series.metric, matchers, series.without)
    by = ", ".join((*preset.label_names, POD_LABEL))
    if isinstance(series, TimeSpent):
        expression = f"sum by ({by}) (rate({selected}[{duration(RATE_WINDOW)}])) * {series.unit_seconds:g}"
    else:
        expression = f"sum by ({by}) (avg_over_time({selected}[{duration(WINDOW)}]))"
    return RangeQuery(expression, at, at, STEP, TIMEOUT, server=kind.prometheus)


def read(loads: Sequence[Load], answer: Answer, at: datetime) -> dict[Load, PodValues | Unavailable]:
    """What each of the revisions is told: values by pod, of at least one pod, or why there are none."""
    if isinstance(answer, MetricsError):
        return dict.fromkeys(loads, Unavailable(str(answer)))
    kind = loads[0].kind
    preset, series = load_preset(kind.preset), series_of(kind)
    window = RATE_WINDOW if isinstance(series, TimeSpent) else WINDOW
    milliseconds = round(at.timestamp() * 1000)
    found: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    value, names = preset.revision.value, preset.label_names
    for one in answer:
        if milliseconds in one.values:
            identity = tuple([value(label, one.labels.get(label, "")) for label in names])
            found[identity][one.labels.get(POD_LABEL, "")] = one.values[milliseconds]
    return {load: _sample(found.get(load.identity(preset), {}), at, window, kind) for load in loads}


def _sample(values: dict[str, float], at: datetime, window: timedelta, kind: Kind) -> PodValues | Unavailable:
    """A pod whose value is no number is one without a value."""
    known = {
        pod: PodSample(value, at, window)
        for pod, number in values.items()
        if pod and (value := milli(number)) is not None
    }
    if known:
        return PodValues(known)
    series, preset = series_of(kind), load_preset(kind.preset)
    name = series.metric if series else kind.signal
    if not values:
        return Unavailable(f"Prometheus has no {name} of this version (by {', '.join(preset.label_names)})")
    if set(values) == {""}:
        return Unavailable(f"{name} has no label {POD_LABEL}: have Prometheus put the pod's name on every series")
    return Unavailable(f"{name} is no number")


def milli(number: float) -> int | None:
    """A number in milli-units, as samples are; None for what is none, or beyond what can be counted."""
    if not isfinite(number) or abs(number) * MILLI > _LARGEST:
        return None
    return round(number * MILLI)

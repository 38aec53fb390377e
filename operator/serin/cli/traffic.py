"""How much traffic a rollout will have, and how good stable is: given, measured, or assumed where nothing is known."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from serin.api.spec import AnalysisMetric, MetricName
from serin.cli.arguments import Parser, rate, share
from serin.cli.chance import Stream, Traffic
from serin.cli.past import Versions, collect
from serin.cli.problems import UnusableInputError
from serin.cli.target import Target
from serin.judge import Counts, Pair
from serin.metrics import MetricsProvider
from serin.metrics.grid import history

ASSUMED_ACCURACY = 0.1
ASSUMED = 0.01
"""The share of bad events of a stable version that nothing is known of, where no threshold tells what is usual."""
OF_THRESHOLD = 0.5
"""And as a part of the threshold, where there is one."""


@dataclass(frozen=True)
class Known:
    """What a person said. requests and events: per second, of both versions together; rates: shares of bad events."""

    requests: float | None
    events: dict[str, float]
    rates: dict[str, float]


def add_traffic(parser: Parser) -> None:
    """The options of `Known`."""
    parser.add_argument(
        "--requests",
        "--requests-per-second",
        type=rate,
        metavar="RATE",
        help="requests of both versions together, such as 50/s, 90/m or 50 (a second)",
    )
    parser.add_argument(
        "--baseline",
        dest="baselines",
        action="append",
        default=[],
        type=_named_share,
        metavar="METRIC=SHARE",
        help="the share of stable's events that is bad, such as error-rate=0.5%%, or of a ratio "
        "with good the share that is good; may be given several times "
        "(default: half of a threshold; else 10%% of accuracy, 1%% of others)",
    )
    parser.add_argument(
        "--events",
        action="append",
        default=[],
        type=_named_rate,
        metavar="METRIC=RATE",
        help="what a metric counts, where that is not every request, such as accuracy=5/s for labeled predictions; "
        "may be given several times",
    )


def said(options: argparse.Namespace, names: Iterable[str]) -> Known:
    """What the options say.

    names: of the metrics that are shares of events.

    Raises:
        UnusableInputError: they name another one.
    """
    known = list(dict.fromkeys(names))
    for option, given in (("--baseline", options.baselines), ("--events", options.events)):
        for name, _ in given:
            if name not in known:
                raise UnusableInputError(
                    f"{option} {name}: found no such share of events, known are {', '.join(known) or 'none'}"
                )
    return Known(options.requests, dict(options.events), dict(options.baselines))


def given_traffic(metrics: Sequence[AnalysisMetric], known: Known, requests: float) -> Traffic:
    """Without a Prometheus: what was said, and assumptions."""
    return Traffic(
        requests,
        {
            metric.name: Stream(
                known.events.get(metric.name, requests), _bad(metric, known.rates.get(metric.name, assumed(metric)))
            )
            for metric in metrics
        },
    )


def measured_traffic(
    provider: MetricsProvider,
    target: Target,
    metrics: Sequence[AnalysisMetric],
    known: Known,
    *,
    stable: str,
    now: datetime,
) -> Traffic:
    """What stable has had of late; what was said overrules it.

    Raises:
        UnusableInputError: Prometheus did not answer, or has nothing of stable.
    """
    due = history(now, target.analysis.interval)
    ticks = collect(provider, target, Versions(stable, stable), due)
    requests = _summed(pair for tick in ticks if (pair := tick.requests) is not None)
    seconds = len(due) * target.analysis.interval.total_seconds()
    if known.requests is None and requests.total == 0:
        raise UnusableInputError(
            f"Prometheus counted no request of {target.namespace}/{target.name}, revision {stable}, of late: is it "
            "the stable one? Or say --requests"
        )
    a_second = known.requests if known.requests is not None else requests.total / seconds
    streams = {}
    for metric in metrics:
        counted = _summed(tick.metrics[metric.name] for tick in ticks if metric.name in tick.metrics)
        told = metric.name in known.rates and (metric.name in known.events or known.requests is not None)
        if counted.total == 0 and not told:
            raise UnusableInputError(
                f"Prometheus has nothing of late that {metric.name} could count of revision {stable}: say --baseline "
                f"{metric.name}=SHARE and --events {metric.name}=RATE"
            )
        # Whoever says how many requests there will be means that of all that is counted there will be so many more.
        more = a_second * seconds / requests.total if requests.total else 1.0
        events = counted.total / seconds * more if counted.total else a_second
        streams[metric.name] = Stream(
            known.events.get(metric.name, events),
            _bad(metric, known.rates[metric.name]) if metric.name in known.rates else counted.share,
        )
    return Traffic(a_second, streams)


def assumed(metric: AnalysisMetric) -> float:
    """The share of stable's events that is bad, where nobody knows better."""
    if metric.limit is not None:
        return metric.limit * OF_THRESHOLD
    return ASSUMED_ACCURACY if metric.name == MetricName.ACCURACY else ASSUMED


def _bad(metric: AnalysisMetric, told: float) -> float:
    """The share of bad events: of a ratio of good ones people say how many are good."""
    return 1.0 - told if metric.ratio is not None and metric.ratio.good is not None else told


def _summed(pairs: Iterable[Pair]) -> Counts:
    counts = [pair.stable for pair in pairs if isinstance(pair.stable, Counts)]
    return Counts(sum(one.bad for one in counts), sum(one.total for one in counts))


def _named_share(text: str) -> tuple[str, float]:
    name, value = _named(text, "error-rate=0.5%")
    return name, share(value)


def _named_rate(text: str) -> tuple[str, float]:
    name, value = _named(text, "accuracy=5/s")
    return name, rate(value)


def _named(text: str, example: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} names no metric: write METRIC=VALUE, such as {example}")
    return name, value

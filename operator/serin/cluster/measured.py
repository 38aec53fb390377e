"""The answers of the metrics APIs, read into samples. There may be tens of thousands of pods in one."""

import re
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from serin.api.base import parse_time
from serin.cluster.client import Object
from serin.cluster.resources import ObjectKey
from serin.scaling.quantities import milli
from serin.scaling.samples import DEFAULT_WINDOW, PodSample, PodUsage

Read = TypeVar("Read")

_GO_DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?)(h|ms|m|s|us|µs|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_NANO_IN_MILLI = 10**6
_MILLI_IN_KIBI = 1024 * 1000


def readable(listed: Object, reader: Callable[[Any], Read]) -> Iterator[Read]:
    """The items of a list that can be read. One that cannot be is as good as missing."""
    for item in listed.get("items") or ():
        try:
            yield reader(item)
        except (KeyError, TypeError, ValueError):
            continue


def usage_of(item: Object, resources: Collection[str] = ("cpu", "memory")) -> tuple[ObjectKey, PodUsage]:
    """A PodMetrics of `metrics.k8s.io`, as far as it is about these resources.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    metadata = item["metadata"]
    containers = {
        each["name"]: {resource: amount(text) for resource, text in each["usage"].items() if resource in resources}
        for each in item["containers"]
    }
    usage = PodUsage(metadata["name"], _time(item["timestamp"]), _window(item["window"]), containers)
    return ObjectKey(metadata["namespace"], metadata["name"]), usage


def pod_sample_of(item: Object) -> tuple[str, PodSample]:
    """A MetricValue of a pod, by the pod's name; its window is called differently in the API's two versions.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    seconds = item.get("windowSeconds", item.get("window"))
    window = DEFAULT_WINDOW if seconds is None else timedelta(seconds=seconds)
    sample = PodSample(amount(item["value"]), _time(item["timestamp"]), window)
    return item["describedObject"]["name"], sample


def value_of(item: Object) -> int:
    """The value of a MetricValue or an ExternalMetricValue, in milli-units.

    Raises:
        KeyError, TypeError, ValueError: there is none.
    """
    return amount(item["value"])


def amount(text: str) -> int:
    """A quantity in milli-units. The two spellings of metrics-server are read without the detour over fractions.

    Raises:
        ValueError: the text is no quantity.
    """
    if text.isascii():
        if text.endswith("n") and text[:-1].isdigit():
            return -(-int(text[:-1]) // _NANO_IN_MILLI)
        if text.endswith("Ki") and text[:-2].isdigit():
            return int(text[:-2]) * _MILLI_IN_KIBI
    return milli(text)


@lru_cache(1024)
def _time(text: str) -> datetime:
    """Many pods of a node are measured at one time."""
    return parse_time(text)


@lru_cache(1024)
def _window(text: str) -> timedelta:
    """A duration as Go writes it, down to nanoseconds."""
    parts = _GO_DURATION.findall(text)
    if "".join(map("".join, parts)) != text:
        raise ValueError(f"{text!r} is not a duration")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))

"""The plain view, for a terminal that is none: one line for each change."""

from collections.abc import Iterator

from demo.scene import Scene, percent
from serin.api.status import AnalysisStatus


def changes(before: Scene | None, after: Scene) -> Iterator[str]:
    """Tell what is new in `after`, in whole lines."""
    for line in news(before, after):
        minutes, seconds = divmod(int(after.elapsed), 60)
        yield f"{minutes}:{seconds:02d}  {line}"


def news(before: Scene | None, after: Scene) -> Iterator[str]:
    """Tell the changes without their time, from the story down to the numbers."""
    if before is None or before.current != after.current:
        yield f"{after.chapter.title}: {after.chapter.line}"
    if after.note and (before is None or before.note != after.note):
        yield after.note
    if before is None or before.status.phase != after.status.phase:
        yield f"{after.status.phase}: {after.status.message}".rstrip(": ")
    if before is None or shares(before) != shares(after):
        yield f"traffic {shares(after)}, {after.account.per_second:.0f} requests/s"
    analysis = after.status.analysis
    if analysis is not None and (before is None or before.status.analysis != analysis):
        yield from numbers(analysis)
    known = set(before.events) if before is not None else set()
    for event in after.events:
        if event not in known:
            yield f"{event.reason}: {event.message}"


def shares(scene: Scene) -> str:
    """Write who has how much of the traffic, and how many Ready pods for it."""
    weights = [
        f"{item.version} {item.weight} % on {item.ready_replicas} pods" for item in scene.live_revisions if item.weight
    ]
    return ", ".join(weights) or "none"


def numbers(analysis: AnalysisStatus) -> Iterator[str]:
    """Write a verdict with its counts."""
    parts = []
    for metric in analysis.metrics:
        counts = metric.candidate
        share = percent(counts.bad / counts.total) if counts is not None and counts.total else "no data"
        parts.append(f"{metric.name} {metric.verdict} ({share})")
    yield f"analysis {analysis.verdict}: {', '.join(parts) or analysis.message}"

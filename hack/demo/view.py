"""The live view: one compact picture of a scene. Pure: a scene in, a rich renderable out.

Every section has a fixed height, so that nothing jumps while a person watches; the events take what is left. It fits
a terminal of 80 x 24.
"""

from collections.abc import Callable, Mapping, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.scene import EventLine, Moment, Scene, percent
from serin.api.status import CountsStatus, MetricStatus, Outcome, Phase, RevisionStatus, Role, Verdict

WIDTH, HEIGHT = 100, 28
WIDE = 100
FIXED_ROWS, MOST_EVENT_ROWS = 21, 12
REVISION_ROWS, METRIC_ROWS = 3, 3
EVIDENCE_BLOCKS = 10
BLOCKS = "▁▂▃▄▅▆▇█"
SHARE_LABEL, PODS_LABEL = "Newest version's share ", "Pods of all versions"

PHASE_STYLES = {
    Phase.HEALTHY: "bold green",
    Phase.PROGRESSING: "bold cyan",
    Phase.PROMOTING: "bold green",
    Phase.ROLLING_BACK: "bold red",
    Phase.DEGRADED: "bold red",
    Phase.PAUSED: "bold yellow",
    Phase.PENDING: "bold",
}
ROLE_STYLES = {
    Role.STABLE: "green",
    Role.CANDIDATE: "cyan",
    Role.PREVIOUS: "blue",
    Role.RETIRED: "bright_black",
}
VERDICT_STYLES = {
    Verdict.PASS: "bold green",
    Verdict.CONTINUE: "green",
    Verdict.HOLD: "bold yellow",
    Verdict.FAIL: "bold red",
}
BAD_WORDS = {"error-rate": "failed", "latency": "too slow", "accuracy": "wrong"}


def render(scene: Scene, *, width: int = WIDTH, height: int = HEIGHT) -> RenderableType:
    """Draw the scene for a terminal of this size."""
    wide = width >= WIDE
    sections = (
        heading(scene),
        story(scene),
        state(scene),
        Text(),
        revisions(scene, wide=wide),
        Text(),
        metrics(scene, wide=wide),
        Text(),
        traffic(scene),
        timeline(scene, width - 2),
        pods_over_time(scene, width - 2),
        events(scene.events, rows=max(1, min(MOST_EVENT_ROWS, height - FIXED_ROWS - 2))),
    )
    return Group(*(Padding(section, (0, 1)) for section in sections))


def heading(scene: Scene) -> RenderableType:
    """Draw the name, the versions with what became of each, and the time."""
    table = Table.grid(expand=True)
    table.add_column()
    table.add_column(justify="right")
    minutes, seconds = divmod(int(scene.elapsed), 60)
    fates = Text()
    for number, chapter in enumerate(scene.chapters):
        mark, style = fate(scene, number)
        fates.append(f"{mark} {chapter.name}  ", style=style)
    table.add_row(
        Text("Serin", style="bold").append("  six versions of a model", style="not bold bright_black"),
        fates.append(f" {minutes}:{seconds:02d}", style="bright_black"),
    )
    return table


def fate(scene: Scene, number: int) -> tuple[str, str]:
    """Return the mark and the style of a chapter: to come, under way, accepted, turned away, gone wrong."""
    if number >= len(scene.ended):
        return ("▸", "bold cyan") if number == scene.current else ("·", "bright_black")
    if not scene.ended[number]:
        return "!", "bold red"
    return ("↩", "red") if scene.chapters[number].expected is Outcome.ROLLED_BACK else ("✓", "green")


def story(scene: Scene) -> RenderableType:
    """Draw the story line of this chapter, and what is being done to the cluster."""
    text = Text(scene.chapter.line).append(f"\n{scene.note}", style="bold yellow")
    return Panel(
        Clipped(text, 2),
        title=Text(scene.chapter.title, style="bold"),
        title_align="left",
        border_style="cyan",
        box=box.ROUNDED,
    )


def state(scene: Scene) -> RenderableType:
    """Draw the phase and the sentence of the status."""
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(width=11)
    table.add_column(ratio=1)
    status = scene.status
    table.add_row(Text(status.phase, style=PHASE_STYLES[status.phase]), Clipped(Text(status.message), 2))
    return table


def revisions(scene: Scene, *, wide: bool) -> RenderableType:
    """Draw a bar of traffic for each revision that has pods."""
    length = 44 if wide else 26
    hashes = {"REVISION": 10} if wide else {}
    table = sheet({"VERSION": 7, "ROLE": 9, **hashes, "TRAFFIC": length, "": 5, "PODS": 4, "REQ/S": 5})
    for column in table.columns[-3:]:
        column.justify = "right"
    for revision in scene.live_revisions[:REVISION_ROWS]:
        style = ROLE_STYLES[revision.role]
        rate = scene.account.version(revision.version).per_second
        table.add_row(
            Text(revision.version, style=f"bold {style}"),
            Text(revision.role, style=style),
            *([Text(revision.revision, style="bright_black")] if wide else []),
            bar(revision.weight or 0, style, length),
            f"{revision.weight or 0} %",
            pods(revision),
            f"{rate:.0f}" if rate else Text("-", style="bright_black"),
        )
    return filled(table, REVISION_ROWS)


def bar(weight: int, style: str, length: int) -> Text:
    """Draw a weight of 0 to 100 as a bar."""
    full = round(weight / 100 * length)
    return Text("█" * full, style=style).append("─" * (length - full), style="bright_black")


def pods(revision: RevisionStatus) -> Text:
    """Write how many pods are Ready of how many there should be."""
    ready = revision.ready_replicas >= revision.replicas
    return Text(f"{revision.ready_replicas}/{revision.replicas}", style="default" if ready else "yellow")


def metrics(scene: Scene, *, wide: bool) -> RenderableType:
    """Draw each metric's verdict with the counts and the evidence that it rests on."""
    analysis = scene.analysis
    evidences = {"EVIDENCE": 22} if wide else {}
    table = sheet({"METRIC": 10, "VERDICT": 8, "CANDIDATE": 21, "STABLE": 14, "LIMIT": 11, **evidences})
    for metric in (analysis.metrics if analysis is not None else ())[:METRIC_ROWS]:
        word = BAD_WORDS.get(metric.name, "bad")
        table.add_row(
            metric.name,
            Text(metric.verdict, style=VERDICT_STYLES[metric.verdict]),
            share(metric.candidate, metric.verdict, word),
            share(metric.stable, metric.verdict),
            limit(metric),
            *([evidence(metric)] if wide else []),
        )
    return filled(table, METRIC_ROWS)


def evidence(metric: MetricStatus) -> Text:
    """Draw how much of the evidence for a rollback is there, or else of that for a promotion; or why there is none."""
    if metric.harm is None or metric.safe is None or metric.verdict is Verdict.HOLD:
        return Text(metric.reason, style="bright_black")
    harm, safe = float(metric.harm), float(metric.safe)
    found, word, style = (harm, "against it", "red") if harm > safe else (safe, "for it", "green")
    full = int(found * EVIDENCE_BLOCKS)
    return (
        Text("▆" * full, style=style).append("·" * (EVIDENCE_BLOCKS - full), "bright_black").append(f" {word}", style)
    )


def share(counts: CountsStatus | None, verdict: Verdict, word: str = "") -> Text:
    """Write bad events of all events as a person reads them."""
    if counts is None or not counts.total:
        missing = "no data" if verdict is Verdict.HOLD else "counting"
        return Text(missing, style="yellow" if verdict is Verdict.HOLD else "bright_black")
    return Text(f"{percent(counts.bad / counts.total)} of {counts.total:,.0f} {word}".rstrip())


def limit(metric: MetricStatus) -> Text:
    """Write what the metric may come to; accuracy is compared with stable."""
    return Text(percent(metric.limit) + (" more" if metric.name == "accuracy" else ""), style="bright_black")


def traffic(scene: Scene) -> RenderableType:
    """Draw the books of the load generator."""
    account = scene.account
    errors = sum(version.errors for version in account.versions)
    text = Text("Requests ", style="bold").append(f"{account.requests:,}", style="bold")
    text.append(f"   {account.per_second:.0f}/s", style="not bold bright_black")
    text.append(
        f"   answered with an error by a model {errors}", style="not bold yellow" if errors else "not bold bright_black"
    )
    return text.append(f"   lost {account.lost}", style="bold red" if account.lost else "bold green")


def timeline(scene: Scene, width: int) -> RenderableType:
    """Draw the share of each chapter's version over the whole story: hills are promotions, bumps are rollbacks."""
    text = Text(SHARE_LABEL, style="bright_black", no_wrap=True)
    for moment in thinned(scene.timeline, moments_in(width), key=lambda moment: moment.weight):
        style = {"✓": "green", "↩": "red", "!": "bold red"}.get(fate(scene, moment.chapter)[0], "cyan")
        block = BLOCKS[min(7, moment.weight * 8 // 100)] if moment.weight else "·"
        text.append(block, style=style if moment.weight else "bright_black")
    return text


def pods_over_time(scene: Scene, width: int) -> RenderableType:
    """Draw how many pods all versions had together, a block for each of them: they follow load and weights."""
    text = Text(PODS_LABEL.ljust(len(SHARE_LABEL)), style="bright_black", no_wrap=True)
    for moment in thinned(scene.timeline, moments_in(width), key=lambda moment: moment.pods):
        text.append(BLOCKS[min(len(BLOCKS), moment.pods) - 1] if moment.pods else "·", style="blue")
    return text.append(f" {scene.pods}", style="bright_black")


def moments_in(width: int) -> int:
    """Return how many moments there is room for, between what they are called and the last number of pods."""
    return width - len(SHARE_LABEL) - 3


def thinned(moments: Sequence[Moment], most: int, *, key: Callable[[Moment], int]) -> list[Moment]:
    """Return at most so many of the moments, from each stretch of them the largest."""
    stretch = max(1, -(-len(moments) // most))
    groups = (moments[start : start + stretch] for start in range(0, len(moments), stretch))
    return [max(group, key=key) for group in groups]


def events(lines: tuple[EventLine, ...], *, rows: int) -> RenderableType:
    """Draw the last events, the newest at the bottom."""
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(style="bright_black", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for line in lines[-rows:]:
        style = "yellow" if line.warning else "default"
        table.add_row(f"{line.at:%H:%M:%S}", Text(line.reason, style=style), Text(line.message, style=style))
    return Panel(
        filled(table, rows),
        title="events",
        title_align="left",
        border_style="bright_black",
        box=box.ROUNDED,
    )


class Clipped:
    """A text in exactly so many rows: what is too long ends in an ellipsis."""

    def __init__(self, text: Text, rows: int) -> None:
        """Keep what is drawn later, when the width is known."""
        self._text = text
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        lines = list(self._text.wrap(console, options.max_width))
        if len(lines) > self._rows:
            for line in lines:
                line.rstrip()
            rest = Text(" ").join(lines[self._rows - 1 :])
            rest.truncate(options.max_width, overflow="ellipsis")
            lines = [*lines[: self._rows - 1], rest]
        yield from lines
        yield from (Text() for _ in range(self._rows - len(lines)))


def sheet(columns: Mapping[str, int]) -> Table:
    """Make a table without lines, with quiet titles, whose columns keep their width."""
    table = Table(box=None, header_style="bright_black", padding=(0, 2, 0, 0), pad_edge=False)
    for title, width in columns.items():
        table.add_column(title, width=width, no_wrap=True)
    return table


def filled(table: Table, rows: int) -> Table:
    """Fill a table with empty rows up to its height."""
    for _ in range(rows - table.row_count):
        table.add_row("")
    return table

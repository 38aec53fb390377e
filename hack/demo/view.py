"""The live view: one compact picture of a scene. Pure: a scene in, a rich renderable out.

Every section has a fixed height, so that nothing jumps while a person watches.
"""

from collections.abc import Iterable

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.scene import EventLine, Scene, percent
from serin.api.status import CountsStatus, MetricStatus, Phase, RevisionStatus, Role, Verdict

WIDTH = 104
BAR = 32
REVISION_ROWS, METRIC_ROWS, EVENT_ROWS = 3, 3, 5

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


def render(scene: Scene) -> RenderableType:
    """Draw the scene."""
    sections = (
        heading(scene),
        story(scene),
        state(scene),
        Text(),
        revisions(scene),
        metrics(scene),
        Text(),
        traffic(scene),
        events(scene.events),
    )
    return Group(*(Padding(section, (0, 1)) for section in sections))


def heading(scene: Scene) -> RenderableType:
    """Draw the name and the time, and below them the chapters with what became of each."""
    table = Table.grid(expand=True)
    table.add_column()
    table.add_column(justify="right")
    minutes, seconds = divmod(int(scene.elapsed), 60)
    table.add_row(
        Text("Serin  ", style="bold").append("a model's life on a real cluster", style="bright_black"),
        Text(f"{minutes}:{seconds:02d}", style="bright_black"),
    )
    chips = Text()
    for number, chapter in enumerate(scene.chapters):
        if number < len(scene.ended):
            mark, style = ("✓", "green") if scene.ended[number] else ("✗", "bold red")
        else:
            mark, style = ("▸", "bold cyan") if number == scene.current else ("·", "bright_black")
        chips.append(f"{mark} {chapter.title}", style=style).append("   ")
    table.add_row(chips)
    return table


def story(scene: Scene) -> RenderableType:
    """Draw the story line of this chapter, and what is being done to the cluster."""
    text = Text(scene.chapter.line)
    text.append(f"\n{scene.note}" if scene.note else "\n", style="bold yellow")
    return Panel(text, title=scene.chapter.title, title_align="left", border_style="cyan", box=box.ROUNDED)


def state(scene: Scene) -> RenderableType:
    """Draw phase, step and the sentence of the status."""
    status = scene.status
    text = Text(f"{status.phase:<13}", style=PHASE_STYLES[status.phase], no_wrap=True, overflow="ellipsis")
    if status.step is not None and status.candidate is not None:
        text.append(f"step {status.step.index} of {status.step.of}  ", style="bold")
    return text.append(status.message, style="default not bold")


def revisions(scene: Scene) -> RenderableType:
    """Draw a bar of traffic for each revision that has pods."""
    table = sheet("MODEL", "ROLE", "REVISION", "TRAFFIC", "", "PODS", "REQUESTS/S")
    for column in table.columns[4:]:
        column.justify = "right"
    for revision in scene.live_revisions[:REVISION_ROWS]:
        style = ROLE_STYLES[revision.role]
        rate = scene.account.version(revision.version).per_second
        table.add_row(
            Text(revision.version, style=f"bold {style}"),
            Text(revision.role, style=style),
            Text(revision.revision, style="bright_black"),
            bar(revision.weight or 0, style),
            f"{revision.weight or 0} %",
            pods(revision),
            f"{rate:.0f}" if rate else Text("-", style="bright_black"),
        )
    return filled(table, REVISION_ROWS)


def bar(weight: int, style: str) -> Text:
    """Draw a weight of 0 to 100 as a bar."""
    full = round(weight / 100 * BAR)
    return Text("█" * full, style=style).append("─" * (BAR - full), style="bright_black")


def pods(revision: RevisionStatus) -> Text:
    """Write how many pods are Ready of how many there should be."""
    ready = revision.ready_replicas >= revision.replicas
    return Text(f"{revision.ready_replicas}/{revision.replicas}", style="default" if ready else "yellow")


def metrics(scene: Scene) -> RenderableType:
    """Draw each metric's verdict with the counts that it rests on."""
    analysis = scene.status.analysis
    shown = analysis.metrics if analysis is not None and scene.status.candidate == analysis.revision else ()
    table = sheet("METRIC", "VERDICT", "CANDIDATE", "STABLE", "WHY")
    for metric in shown[:METRIC_ROWS]:
        word = BAD_WORDS.get(metric.name, "bad")
        table.add_row(
            metric.name,
            Text(metric.verdict, style=VERDICT_STYLES[metric.verdict]),
            share(metric.candidate, word),
            share(metric.stable, word),
            why(metric),
        )
    return filled(table, METRIC_ROWS)


def share(counts: CountsStatus | None, word: str) -> Text:
    """Write bad events of all events as a person reads them."""
    if counts is None or not counts.total:
        return Text("no data", style="bright_black")
    return Text(f"{percent(counts.bad / counts.total)} of {counts.total:,.0f} {word}", no_wrap=True)


def why(metric: MetricStatus) -> Text:
    """Write the reason in one word, and the limit."""
    limit = f"{percent(metric.limit)} more" if metric.name == "accuracy" else percent(metric.limit)
    return Text(metric.reason, no_wrap=True).append(f"  limit {limit}", style="bright_black")


def traffic(scene: Scene) -> RenderableType:
    """Draw the books of the load generator."""
    account = scene.account
    errors = sum(version.errors for version in account.versions)
    text = Text("Requests ", style="bold").append(f"{account.requests:,}")
    text.append(f"   now {account.per_second:.0f}/s", style="bright_black")
    text.append(f"   answered with an error by a model {errors:,}", style="yellow" if errors else "bright_black")
    text.append(f"   lost {account.lost}", style="bold red" if account.lost else "green")
    return text


def events(lines: tuple[EventLine, ...]) -> RenderableType:
    """Draw the last events, the newest at the bottom."""
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(style="bright_black", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for line in lines[-EVENT_ROWS:]:
        style = "yellow" if line.warning else "default"
        table.add_row(f"{line.at:%H:%M:%S}", Text(line.reason, style=style), Text(line.message, style=style))
    return Panel(
        filled(table, EVENT_ROWS),
        title="events",
        title_align="left",
        border_style="bright_black",
        box=box.ROUNDED,
    )


def sheet(*titles: str) -> Table:
    """Make a table without lines, with quiet titles."""
    table = Table(*titles, box=None, expand=True, header_style="bright_black", padding=(0, 2, 0, 0), pad_edge=False)
    for column in table.columns:
        column.no_wrap = True
    return table


def filled(table: Table, rows: int) -> Table:
    """Fill a table with empty rows up to its height."""
    missing: Iterable[int] = range(rows - table.row_count)
    for _ in missing:
        table.add_row("")
    return table

"""The end of the story: what was sent, what was lost, how long users had to bear a bad version."""

from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.chapters import NAMESPACE, Chapter
from demo.ledger import Account, Badness
from demo.scene import percent


@dataclass(frozen=True)
class ChapterResult:
    """How a chapter ended, and how long it took in seconds.

    `rejected_at` is when Serin decided to roll back, `exposed` the seconds from the first bad answer until then.
    """

    chapter: Chapter
    seconds: float
    outcome: str
    as_expected: bool
    rejected_at: float | None = None
    exposed: float | None = None


@dataclass(frozen=True)
class Report:
    """All results. The demo has succeeded if every chapter ended as told and no request was lost."""

    results: tuple[ChapterResult, ...]
    account: Account
    labels_refused: int
    kubeconfig: Path | None

    @property
    def succeeded(self) -> bool:
        """Whether Serin did all that was promised."""
        return all(result.as_expected for result in self.results) and self.account.lost == 0


def render_report(report: Report) -> RenderableType:
    """Draw the report."""
    return Group(chapters(report), totals(report), next_steps(report))


def chapters(report: Report) -> RenderableType:
    """Draw a line for each chapter."""
    table = Table(
        "", "VERSION", "OUTCOME", "TOOK", "REQUESTS", "FAILED", "SLOW", "WRONG", "FOUND IN",
        box=box.SIMPLE_HEAD, header_style="bright_black", padding=(0, 2, 0, 0), pad_edge=False,
    )  # fmt: skip
    for column in table.columns[3:]:
        column.justify = "right"
    for result in report.results:
        version = report.account.version(result.chapter.version)
        table.add_row(
            Text("✓", style="green") if result.as_expected else Text("✗", style="bold red"),
            result.chapter.version,
            result.outcome,
            f"{result.seconds:.0f} s",
            f"{version.requests:,}",
            *(
                share(count, total, style="bold red" if result.chapter.badness is badness else "default")
                for badness, count, total in (
                    (Badness.ERROR, version.errors, version.requests),
                    (Badness.SLOW, version.slow, version.requests),
                    (Badness.WRONG, version.wrong, version.labelled),
                )
            ),
            f"{result.exposed:.1f} s" if result.exposed is not None else "",
        )
    return table


def share(count: int, total: int, *, style: str) -> Text:
    """Write a share of requests."""
    return Text(percent(count / total), style=style) if total else Text("-")


def totals(report: Report) -> RenderableType:
    """Draw the sums, and the losses if there are any."""
    account = report.account
    text = Text(f"{account.requests:,} requests in all. ", style="bold")
    if account.lost:
        text.append(f"{account.lost} were lost through Serin's doing: the demo has failed.\n", style="bold red")
        text.append("\n".join(account.losses), style="red")
    else:
        text.append("None was lost through Serin's doing.", style="bold green")
    text.append("\nFound in: from the first bad answer to the rollback.", style="not bold bright_black")
    if report.labels_refused:
        text.append(f"\n{report.labels_refused} labels did not reach the joiner.", style="yellow")
    return text


def next_steps(report: Report) -> RenderableType:
    """Draw what a person could do now."""
    if report.kubeconfig is None:
        text = Text("KEEP=1 make demo", style="bold").append(
            "  leaves the cluster up, to explore it.\n", style="not bold"
        )
        text.append("docs/", style="bold").append("  has a tutorial of a first rollout of your own.", style="not bold")
    else:
        text = Text("The cluster stays up, and requests keep coming, until you press Ctrl-C. In another terminal:\n")
        text.append(f"export KUBECONFIG={report.kubeconfig}\n", style="bold")
        text.append(f"kubectl get modeldeployments -n {NAMESPACE} -w\n", style="bold")
        text.append(f"kubectl describe modeldeployment digits -n {NAMESPACE}\n", style="bold")
        text.append("kubectl apply -k examples/demo/manifests/v3", style="bold")
    return Panel(text, title="what to try next", title_align="left", border_style="cyan", box=box.ROUNDED)

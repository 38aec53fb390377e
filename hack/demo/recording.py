"""Record scenes as one SVG picture that plays by itself, for the README.

Frames are drawn by rich and written row by row. A row that several frames in succession share is written once, and a
CSS animation shows it for as long as it lasts; that keeps the picture small. Who has asked for less motion, or looks
with a program that knows no animation, sees the first frame.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from demo.view import WIDTH

CHARACTER, LINE, MARGIN, TITLE = 8.4, 18.0, 16.0, 34.0
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
THEME = TerminalTheme(
    (22, 27, 34),
    (214, 220, 228),
    [(72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65),
     (121, 184, 255), (210, 168, 255), (86, 212, 221), (177, 186, 196)],
    [(125, 133, 144), (255, 161, 152), (126, 231, 135), (242, 204, 96),
     (165, 214, 255), (226, 197, 255), (179, 240, 255), (255, 255, 255)],
)  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """What is shown, and for how many seconds."""

    content: RenderableType
    seconds: float


@dataclass(frozen=True)
class Span:
    """The frames from `first` up to, but not including, `end`."""

    first: int
    end: int


class Styles:
    """The CSS classes of the styles that occur."""

    def __init__(self) -> None:
        """Begin without a class."""
        self._names: dict[str, str] = {}

    def name(self, style: Style | None) -> str:
        """Return the class of a style."""
        color = THEME.foreground_color
        if style is not None and style.color is not None and not style.color.is_default:
            color = style.color.get_truecolor(THEME)
        rule = f"fill:{color.hex}" + (";font-weight:bold" if style is not None and style.bold else "")
        return self._names.setdefault(rule, f"s{len(self._names)}")

    def css(self) -> str:
        """Write the rules."""
        return "\n".join(f".{name}{{{rule}}}" for rule, name in self._names.items())


def play(frames: Sequence[Frame]) -> str:
    """Put the frames into one SVG that shows them in turn, for ever."""
    styles = Styles()
    pictures = [tuple(row_svg(row, styles) for row in rows(frame.content)) for frame in frames]
    height = max(len(picture) for picture in pictures)
    starts = [sum(frame.seconds for frame in frames[:number]) for number in range(len(frames) + 1)]
    spans: dict[Span, str] = {}
    body = []
    for number in range(height):
        for span, row in runs([picture[number] if number < len(picture) else "" for picture in pictures]):
            name = spans.setdefault(span, f"t{len(spans)}")
            body.append(f'<g class="{name}" transform="translate(0 {number * LINE:g})">{row}</g>')
    timing = "\n".join(timed(name, span, starts) for span, name in spans.items())
    width, full_height = WIDTH * CHARACTER + 2 * MARGIN, height * LINE + TITLE + MARGIN
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 {width:g} {full_height:g}">',
        f"<style>text{{font:14px {FONT};white-space:pre}}\n{styles.css()}\n{timing}",
        "@media (prefers-reduced-motion:reduce){g{animation:none!important}}</style>",
        chrome(width, full_height),
        f'<g transform="translate({MARGIN:g} {TITLE + LINE * 0.75:g})">',
        *body,
        "</g>\n</svg>\n",
    ))  # fmt: skip


def rows(content: RenderableType) -> list[list[Segment]]:
    """Draw a frame as lines of segments, as a terminal of the view's width would show it."""
    console = Console(width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    return console.render_lines(content, console.options, pad=False)


def row_svg(row: list[Segment], styles: Styles) -> str:
    """Write a line; every word is put where it belongs, whatever the width of the viewer's font."""
    column, texts = 0, []
    for segment in Segment.simplify(row):
        text = segment.text.rstrip()
        lead = len(text) - len(text.lstrip())
        if text.strip():
            start, length = (column + lead) * CHARACTER, (len(text) - lead) * CHARACTER
            place = f'x="{start:.4g}" textLength="{length:.4g}" class="{styles.name(segment.style)}"'
            texts.append(f"<text {place}>{escape(text.strip(), quote=False)}</text>")
        column += segment.cell_length
    return "".join(texts)


def runs(contents: Sequence[str]) -> Iterator[tuple[Span, str]]:
    """Tell the runs of frames that have the same content, without the empty ones."""
    first = 0
    for content, group in groupby(contents):
        end = first + len(list(group))
        if content:
            yield Span(first, end), content
        first = end


def timed(name: str, span: Span, starts: Sequence[float]) -> str:
    """Write the style that shows a run of frames for as long as it lasts, of the seconds that all of them take."""
    whole = starts[-1]
    if span == Span(0, len(starts) - 1):
        return ""
    begin, end = (starts[edge] / whole * 100 for edge in (span.first, span.end))
    before, at_rest = ("visible", "") if span.first == 0 else ("hidden", "visibility:hidden;")
    moments = f"0%{{visibility:{before}}}"
    if span.first > 0:
        moments += f"{begin:.2f}%{{visibility:visible}}"
    if span.end < len(starts) - 1:
        moments += f"{end:.2f}%,100%{{visibility:hidden}}"
    return f".{name}{{{at_rest}animation:{name} {whole:g}s step-end infinite}}\n@keyframes {name}{{{moments}}}"


def chrome(width: float, height: float) -> str:
    """Draw a terminal's window."""
    lights = "".join(
        f'<circle cx="{18 + 18 * number}" cy="17" r="5.5" fill="{color}"/>'
        for number, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    background = f'<rect width="{width:g}" height="{height:g}" rx="8" fill="{THEME.background_color.hex}"/>'
    title = f'<text x="{width / 2:g}" y="22" text-anchor="middle" fill="{THEME.ansi_colors[8].hex}">make demo</text>'
    return f"{background}{lights}{title}"


class Recording:
    """Collects the frames that are worth showing and writes them."""

    def __init__(self, path: Path) -> None:
        """Write to `path` at the end."""
        self._path = path
        self._frames: list[Frame] = []

    def add(self, content: RenderableType, *, seconds: float) -> None:
        """Keep one frame."""
        self._frames.append(Frame(content, seconds))

    def write(self) -> None:
        """Write the picture."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(play(self._frames))

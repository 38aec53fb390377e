"""Record scenes as one SVG picture that plays by itself, for the README.

Each frame is rich's own SVG of the view. The frames lie on each other, and a CSS animation shows one after
the other; who has asked for less motion sees the first one.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, RenderableType

from demo.view import WIDTH

# Like rich's own format, without the font that it would load from the network.
FRAME_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
 font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: arial; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


@dataclass(frozen=True)
class Frame:
    """What is shown, and for how many seconds."""

    content: RenderableType
    seconds: float


def frame_svg(frame: Frame, name: str) -> str:
    """Draw one frame as an SVG of its own; `name` keeps its ids apart from those of other frames."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(frame.content)
    return console.export_svg(title="make demo", code_format=FRAME_FORMAT, unique_id=name)


def play(frames: Sequence[Frame]) -> str:
    """Put the frames into one SVG that shows them in turn, for ever."""
    pictures = [frame_svg(frame, f"frame{number}") for number, frame in enumerate(frames)]
    sizes = [re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', picture) for picture in pictures]
    width = max(float(size[1]) for size in sizes if size)
    height = max(float(size[2]) for size in sizes if size)
    total = sum(frame.seconds for frame in frames)
    styles, groups, start = [], [], 0.0
    for number, (frame, picture) in enumerate(zip(frames, pictures, strict=True)):
        styles.append(timing(number, start / total * 100, (start + frame.seconds) / total * 100, total))
        nested = picture.replace("<svg ", f'<svg width="{width:g}" y="0" preserveAspectRatio="xMidYMin" ', 1)
        groups.append(f'<g class="show{number}">{nested}</g>')
        start += frame.seconds
    still = "@media (prefers-reduced-motion: reduce) { g[class^=show] { animation: none; } }"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}">\n'
        f"<style>{''.join(styles)}{still}</style>\n{''.join(groups)}\n</svg>\n"
    )


def timing(number: int, start: float, end: float, total: float) -> str:
    """Write the style that shows a frame from `start` to `end` percent of the `total` seconds."""
    hidden = "" if number == 0 else "visibility: hidden; "
    return (
        f".show{number} {{ {hidden}animation: play{number} {total:g}s step-end infinite; }}\n"
        f"@keyframes play{number} {{ 0% {{ visibility: {'visible' if start == 0 else 'hidden'}; }} "
        f"{start:.2f}% {{ visibility: visible; }} {end:.2f}% {{ visibility: hidden; }} }}\n"
    )


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

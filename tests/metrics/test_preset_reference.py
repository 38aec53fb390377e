"""The page about the presets says what the files say."""

from pathlib import Path

from serin.metrics.preset import Preset, load_preset, preset_names

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "presets.md"


def row(preset: Preset) -> str:
    """What the page says of a preset."""
    errors = " ".join(f"`{counter.metric}`" for counter in preset.requests.counters)
    latency = f"`{preset.latency.metric}`" if preset.latency else "none"
    if not preset.requests.tells_failures:
        errors += " (requests alone, no failures)"
    cannot = " ".join(f"{text.rstrip('.')}." for text in (*preset.lacks.values(), *preset.gaps))
    return f"| `{preset.name}` | {preset.title} | {preset.kind} | {errors} | {latency} | {cannot} |"


def test_the_page_has_a_row_for_each_preset_and_it_says_what_the_file_says() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert rows == [row(load_preset(name)) for name in preset_names()]

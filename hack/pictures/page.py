"""The examples on `docs/concepts/analysis.md`: between two marks each, so that they can be written anew."""

from collections.abc import Callable
from pathlib import Path

import yaml

from pictures.requests import table
from pictures.story import RISE, rollout

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "concepts" / "analysis.md"
IMAGE = ROOT / "docs" / "images" / "evidence.svg"

_SHOWN = 6
"""The tick whose status is shown: in the first step, before anything is decided."""


def _status() -> str:
    """`status.analysis` of the good candidate in the middle of its rollout."""
    told = next(one for one in rollout(rise=0.0) if one.number == _SHOWN)
    document = {"analysis": told.status.to_dict()}
    return f"```yaml\n{yaml.safe_dump(document, sort_keys=False, width=110, default_flow_style=None)}```"


def _failure() -> str:
    """The message of the bad one's last verdict."""
    *_, last = rollout(rise=RISE)
    return f"```text\n{last.status.message}\n```"


EXAMPLES: dict[str, Callable[[], str]] = {"status": _status, "failure": _failure, "requests": table}


def filled_in(page: str) -> str:
    """The page with its examples as the judge gives them now.

    Raises:
        ValueError: the page lacks an example's marks.
    """
    for name, example in EXAMPLES.items():
        begin, end = f"<!-- {name}: made by `make pictures` -->\n", f"<!-- {name} ends -->\n"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise ValueError(
                f"{PAGE.name} lacks the marks of the example {name}: write {begin.strip()} once, and its end"
            )
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}{example()}\n{end}{after}"
    return page

"""What the page on the audit log says is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from audit.records import chain, woven

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "audit.md"


@pytest.mark.parametrize("spoiled", [False, True])
def test_a_few_lines_without_serin_verify_a_log(tmp_path: Path, *, spoiled: bool) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    log = woven([chain(5), chain(3, "uid-2")])
    if spoiled:
        del log[2]
    (tmp_path / "audit.jsonl").write_bytes(b"".join(log))
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == spoiled, done.stderr
    assert ("AssertionError" in done.stderr) == spoiled

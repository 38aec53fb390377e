"""The page on metrics: what it tells people to write is right."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from metrics.subjects import NOW, analysis
from serin.metrics import Subject, load_servers
from serin.metrics.own import check_query
from serin.metrics.own_queries import fields_of, own_queries

PAGE = (Path(__file__).parents[2] / "docs" / "concepts" / "metrics.md").read_text()
BLOCKS: list[dict[str, Any]] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
OWN = {block["name"]: block for block in BLOCKS if "name" in block}


@pytest.mark.parametrize("name", OWN)
def test_the_metrics_of_ones_own_can_be_written_and_asked(name: str) -> None:
    policy = analysis(OWN[name])
    (metric,) = policy.metrics
    assert [check_query(text) for text in fields_of(metric).values()] == [None] * len(fields_of(metric))
    subject = Subject("ml", "fraud", "8f21c0a97e", "5c9d7f4b6d", policy, (NOW,))
    assert len(list(own_queries(subject))) == 2 * len(fields_of(metric))


def test_there_is_an_example_of_each_kind() -> None:
    kinds = {kind for block in OWN.values() for kind in ("ratio", "mean", "gauge", "distribution") if kind in block}
    assert kinds == {"ratio", "mean", "gauge", "distribution"}


def test_the_file_of_servers_can_be_read(tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if "servers" in block)
    file = tmp_path / "servers.yaml"
    file.write_text(yaml.safe_dump(block))
    assert [server.name for server in load_servers(file)] == ["default", "mimir"]

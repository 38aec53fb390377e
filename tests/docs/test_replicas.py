"""What the page about replicas shows as the same is the same."""

import re
from pathlib import Path

import yaml

from serin.api.autoscaling import Autoscaling

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "concepts" / "replicas.md").read_text()
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_the_shorthands_are_short_for_what_stands_below_them() -> None:
    short, long = (Autoscaling.model_validate(block["autoscaling"]) for block in BLOCKS if "autoscaling" in block)
    assert short.scale_up_above is not None
    assert long.scale_up_above is None
    assert short.expanded() == long.expanded()


def test_the_metrics_of_prometheus_are_taken() -> None:
    (metrics,) = (block["metrics"] for block in BLOCKS if "metrics" in block)
    assert len(Autoscaling.model_validate({"maxReplicas": 4, "metrics": metrics}).metrics or ()) == 2


def test_what_is_written_for_kubernetes_own_is_taken_too() -> None:
    (hpa,) = (block for block in BLOCKS if block.get("kind") == "HorizontalPodAutoscaler")
    del hpa["spec"]["scaleTargetRef"]
    assert Autoscaling.model_validate(hpa["spec"]).max_replicas == 20

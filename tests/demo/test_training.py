"""The models of the story differ as the story says."""

import json
from pathlib import Path

import numpy as np
import pytest

from digits.model import Model
from digits.training import recipes, split_digits, train, write_artifacts


@pytest.fixture(scope="module")
def accuracy() -> dict[str, float]:
    split = split_digits()
    return {recipe.name: train(recipe, split, trained_at=0.0)["accuracy"] for recipe in recipes()}


def test_v2_is_clearly_better_than_v1(accuracy: dict[str, float]) -> None:
    assert 0.87 < accuracy["digits-v1"] < 0.93
    assert accuracy["digits-v2"] > 0.96


def test_v3_is_worse_than_both(accuracy: dict[str, float]) -> None:
    assert 0.75 < accuracy["digits-v3"] < accuracy["digits-v1"] - 0.05


def test_v6_is_as_good_as_v2(accuracy: dict[str, float]) -> None:
    assert accuracy["digits-v6"] == pytest.approx(accuracy["digits-v2"], abs=0.01)


def test_training_twice_gives_the_same_model() -> None:
    split = split_digits()
    first, second = (train(recipes()[2], split, trained_at=0.0)["estimator"] for _ in range(2))
    assert np.array_equal(first.dual_coef_, second.dual_coef_)


def test_no_model_has_seen_a_held_out_image() -> None:
    split = split_digits()
    trained = {row.tobytes() for row in np.ascontiguousarray(split.training_images)}
    assert not trained & {row.tobytes() for row in np.ascontiguousarray(split.held_out_images)}


def test_artifacts_are_written_and_served_with_the_accuracy_that_was_told(tmp_path: Path) -> None:
    lines = list(write_artifacts(tmp_path))
    assert len(lines) == len(recipes()) + 1
    held_out = json.loads((tmp_path / "held-out.json").read_text())
    model = Model.load(f"file://{tmp_path}/digits-v2.joblib")
    right = [
        model.predict(image) == label
        for image, label in zip(held_out["images"][:200], held_out["labels"][:200], strict=True)
    ]
    assert sum(right) > 190

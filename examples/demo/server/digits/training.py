"""Train the models of the story: the differences between the versions are real ones.

Half of scikit-learn's handwritten digits (1,797 images of 8 x 8 pixels) is for training, the other half
is held out: the load generator sends those images and knows their labels. All seeds are fixed, so every
build of the image serves the same models.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

PIXELS = 64
SEED = 7
# The data set was published then: the artifacts say how old their data is, whenever they were trained.
DATA_CUTOFF = datetime(1998, 7, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Recipe:
    """How a model is made: its estimator, how many training images it sees, and how many pixels of each."""

    name: str
    idea: str
    estimator: Any
    images: int
    pixels: int = PIXELS


def recipes() -> tuple[Recipe, ...]:
    """Return the recipes, each with an estimator of its own."""
    few, whole = 200, 898
    return (
        Recipe("digits-v1", "a linear model that saw few images", LogisticRegression(C=0.001, max_iter=300), few),
        Recipe("digits-v2", "a support vector machine that saw all images", SVC(C=10, gamma=0.001), whole),
        Recipe("digits-v3", "the same on the upper three rows of each image", SVC(C=10, gamma=0.001), whole, 24),
        Recipe("digits-v6", "as good as v2 with a softer margin", SVC(C=5, gamma=0.0008), whole),
    )


@dataclass(frozen=True)
class Split:
    """Training and held-out images, shape (n, 64) with values 0..16, and their labels, shape (n,)."""

    training_images: Any
    training_labels: Any
    held_out_images: Any
    held_out_labels: Any


def split_digits() -> Split:
    """Cut the data set in two halves in which every digit has its share."""
    images, labels = load_digits(return_X_y=True)
    training_images, held_out_images, training_labels, held_out_labels = train_test_split(
        images, labels, test_size=0.5, random_state=SEED, stratify=labels
    )
    return Split(training_images, training_labels, held_out_images, held_out_labels)


def train(recipe: Recipe, split: Split, *, trained_at: float) -> dict[str, Any]:
    """Train one model. Returns the artifact: the estimator and what is worth knowing about it."""
    images = split.training_images[: recipe.images, : recipe.pixels]
    recipe.estimator.fit(images, split.training_labels[: recipe.images])
    predictions = recipe.estimator.predict(split.held_out_images[:, : recipe.pixels])
    return {
        "name": recipe.name,
        "estimator": recipe.estimator,
        "pixels": recipe.pixels,
        "accuracy": float(np.mean(predictions == split.held_out_labels)),
        "trained_at": trained_at,
        "data_cutoff": DATA_CUTOFF,
    }


def write_artifacts(directory: Path) -> Iterator[str]:
    """Write `<name>.joblib` for every recipe and `held-out.json` for the load generator; tell each."""
    directory.mkdir(parents=True, exist_ok=True)
    split = split_digits()
    trained_at = datetime.now(UTC).timestamp()
    for recipe in recipes():
        artifact = train(recipe, split, trained_at=trained_at)
        joblib.dump(artifact, directory / f"{recipe.name}.joblib", compress=3)
        yield f"{recipe.name}: accuracy {artifact['accuracy']:.1%} on held-out images ({recipe.idea})"
    held_out = {
        "images": split.held_out_images.astype(int).tolist(),
        "labels": split.held_out_labels.astype(int).tolist(),
    }
    (directory / "held-out.json").write_text(json.dumps(held_out))
    yield f"{len(held_out['labels'])} held-out images"

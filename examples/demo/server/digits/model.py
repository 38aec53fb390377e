"""A trained model as the server holds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import joblib  # type: ignore[import-untyped]
import numpy as np

from digits.settings import SettingsError

PIXELS = 64
LARGEST_VALUE = 16


class InputError(ValueError):
    """The features are not an image of 64 pixels with values from 0 to 16."""


@dataclass(frozen=True)
class Model:
    """An estimator, how many pixels of an image it looks at, and its times (seconds since the epoch)."""

    estimator: Any
    pixels: int
    trained_at: float
    data_cutoff: float

    @classmethod
    def load(cls, uri: str) -> "Model":
        """Load the artifact at a `file:///…` URI and warm it up, so that the first user waits for nothing."""
        parts = urlsplit(uri)
        if parts.scheme != "file" or parts.netloc:
            raise SettingsError(f"SERIN_MODEL_URI is {uri!r}, expected file:///PATH of a model in the image")
        path = Path(parts.path)
        if not path.is_file():
            raise SettingsError(f"SERIN_MODEL_URI names {path}, and there is no such file in the image")
        artifact = joblib.load(path)
        model = cls(artifact["estimator"], artifact["pixels"], artifact["trained_at"], artifact["data_cutoff"])
        model.predict([0.0] * PIXELS)
        return model

    def predict(self, features: Sequence[float]) -> int:
        """Recognize the digit in one image."""
        image = np.asarray(features, dtype=np.float64)[: self.pixels]
        return int(self.estimator.predict(image.reshape(1, -1))[0])


def parse_features(document: object) -> list[float]:
    """Take the features out of a request's JSON; raises InputError with what was expected."""
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or len(features) != PIXELS:
        raise InputError(f"expected {{'features': [{PIXELS} numbers]}}")
    if not all(type(value) in {int, float} and 0 <= value <= LARGEST_VALUE for value in features):
        raise InputError(f"every feature must be a number from 0 to {LARGEST_VALUE}")
    return features

"""The id of a prediction carries what is needed to attribute its true label later.

A label arrives seconds or weeks after the prediction, when the pod that made it may be long gone and
another revision may be serving. So the id itself says which revision predicted what, and when; the joiner
needs no database. It is signed, because it passes through the client's hands: an unsigned id would let
any client accuse or acquit a revision of its choice.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

SEPARATOR = "~"
SIGNATURE_LENGTH = 24


class PredictionIdError(ValueError):
    """The text is no prediction id that a holder of the key has made."""


@dataclass(frozen=True)
class PredictionId:
    """One prediction: by which model and revision, of which class, at what time (seconds since the epoch)."""

    model: str
    revision: str
    predicted: int
    predicted_at: float
    nonce: str

    @classmethod
    def new(cls, *, model: str, revision: str, predicted: int, predicted_at: float) -> "PredictionId":
        """Make the id of a new prediction; the nonce tells apart two predictions of the same millisecond."""
        return cls(model, revision, predicted, predicted_at, secrets.token_hex(6))

    def encode(self, key: bytes) -> str:
        """Write the id as signed text that survives a URL."""
        fields = (
            self.model,
            self.revision,
            str(self.predicted),
            str(round(self.predicted_at * 1000)),
            self.nonce,
        )
        payload = SEPARATOR.join(fields)
        return f"{payload}{SEPARATOR}{signature(payload, key)}"

    @classmethod
    def decode(cls, text: str, key: bytes) -> "PredictionId":
        """Read a signed id. Raises PredictionIdError for anything that was not signed with this key."""
        payload, _, signed = text.rpartition(SEPARATOR)
        if not hmac.compare_digest(signature(payload, key).encode(), signed.encode()):
            raise PredictionIdError("the prediction id is not one that this service has given out")
        model, revision, predicted, milliseconds, nonce = payload.split(SEPARATOR)
        return cls(model, revision, int(predicted), int(milliseconds) / 1000, nonce)


def signature(payload: str, key: bytes) -> str:
    """Sign the payload: HMAC-SHA-256, cut to 96 bits."""
    return hmac.new(key, payload.encode(), hashlib.sha256).hexdigest()[:SIGNATURE_LENGTH]

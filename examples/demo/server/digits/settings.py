"""What the two servers read from their environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

PORT = 8080
MINIMUM_KEY_LENGTH = 16


class SettingsError(ValueError):
    """An environment variable is missing or cannot be used; the message names it and says what to write."""


@dataclass(frozen=True)
class ServerSettings:
    """Settings of a model server. `extra_latency` is in seconds, `error_rate` a share between 0 and 1.

    The last two stand for the bugs that come with a release: a feature store that answers late, an input that
    the new code cannot handle.
    """

    model_name: str
    model_version: str
    model_uri: str
    revision: str
    signing_key: bytes
    extra_latency: float = 0.0
    error_rate: float = 0.0
    port: int = PORT

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "ServerSettings":
        """Read SERIN_* (given by the operator) and DEMO_* (given by the pod template)."""
        return cls(
            model_name=required(environment, "SERIN_MODEL_NAME"),
            model_version=required(environment, "SERIN_MODEL_VERSION"),
            model_uri=required(environment, "SERIN_MODEL_URI"),
            revision=required(environment, "SERIN_REVISION"),
            signing_key=signing_key(environment),
            extra_latency=number(environment, "DEMO_EXTRA_LATENCY_SECONDS", maximum=60.0),
            error_rate=number(environment, "DEMO_ERROR_RATE", maximum=1.0),
        )


@dataclass(frozen=True)
class OutcomeSettings:
    """Settings of the joiner: the key with which the model servers sign their prediction ids."""

    signing_key: bytes
    port: int = PORT

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "OutcomeSettings":
        """Read DEMO_SIGNING_KEY."""
        return cls(signing_key=signing_key(environment))


def required(environment: Mapping[str, str], name: str) -> str:
    """Return a variable that must not be empty."""
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def signing_key(environment: Mapping[str, str]) -> bytes:
    """Return the shared key, which must be long enough to be worth its name."""
    key = required(environment, "DEMO_SIGNING_KEY").encode()
    if len(key) < MINIMUM_KEY_LENGTH:
        raise SettingsError(f"DEMO_SIGNING_KEY has {len(key)} characters, expected {MINIMUM_KEY_LENGTH} or more")
    return key


def number(environment: Mapping[str, str], name: str, *, maximum: float) -> float:
    """Return a number between 0 and `maximum`; 0 when the variable is not set."""
    text = environment.get(name, "0")
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}, expected a number such as 0.2") from None
    if not 0.0 <= value <= maximum:
        raise SettingsError(f"{name} is {text}, expected a number from 0 to {maximum:g}")
    return value

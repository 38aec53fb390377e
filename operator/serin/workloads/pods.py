"""Why a revision's pods are not Ready, in one sentence for people."""

from collections.abc import Mapping, Sequence
from typing import Any


def pod_problem(pods: Sequence[Mapping[str, Any]]) -> str | None:
    """The most telling reason why pods are not Ready; None if nothing is known, or they are all Ready."""
    raise NotImplementedError


def deployment_problem(deployment: Mapping[str, Any]) -> str | None:
    """Why a Deployment cannot make its pods (quota, admission); None if it can."""
    raise NotImplementedError

"""Our autoscaler against Kubernetes' own, which is compiled as it is and asked the same (`programs/hpa`)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from scaling.as_kubernetes import Case
from scaling.oracle import differences, ours, upstream
from scaling.random_cases import KINDS, one_metric

FEW, MANY = range(1000), range(1000, 11_000)


def agree(cases: Iterable[Case]) -> None:
    """Fail if the two say different things to a case."""
    cases = list(cases)
    answers = upstream(cases)
    wrong = []
    for one, theirs in zip(cases, answers, strict=True):
        if found := differences(one, ours(one), theirs):
            wrong.append("\n".join([*found, str(one)]))
    assert not wrong, f"{len(wrong)} of {len(cases)} cases differ:\n" + "\n\n".join(wrong[:3])


@pytest.mark.parametrize("kind", KINDS)
def test_a_metric_proposes_what_upstream_proposes(kind: str) -> None:
    agree(one_metric(kind, seed) for seed in FEW)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_metric_proposes_what_upstream_proposes_in_ten_thousand_cases(kind: str) -> None:
    agree(one_metric(kind, seed) for seed in MANY)

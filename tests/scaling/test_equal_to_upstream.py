"""Our autoscaler against Kubernetes' own, which is compiled as it is and asked the same (`programs/hpa`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from random import Random

import pytest

from localcluster.catalog import KUBERNETES_VERSION, PROGRAMS_DIRECTORY
from scaling.oracle import differences, ours, refused_by_upstream, upstream, worth_to_upstream
from scaling.random_cases import KINDS, one_metric
from scaling.random_lives import Life, life
from scaling.random_specs import doubtful, quantity
from serin.scaling.quantities import approximate, milli
from serin.scaling.spec import Settings
from serin.scaling.validity import problems

FEW, MANY = range(1000), range(1000, 11_000)
SOME_LIVES, MANY_LIVES = range(500), [range(first, first + 1000) for first in range(500, 10_500, 1000)]
# The first test builds the program: minutes where nothing of Kubernetes was compiled before.
pytestmark = pytest.mark.timeout(900)


def agree(lives: Iterable[Life]) -> None:
    """Fail if the two say different things to a case."""
    lives = list(lives)
    answers = upstream(it.case for it in lives)
    wrong = []
    for one, theirs in zip(lives, answers, strict=True):
        if found := differences(one.case, one.ours, theirs):
            wrong.append("\n".join([*found, str(one.case)]))
    assert not wrong, f"{len(wrong)} of {len(lives)} cases differ:\n" + "\n\n".join(wrong[:3])


def passes(kind: str, seeds: Iterable[int]) -> Iterator[Life]:
    """One pass each, with one metric of a kind, and what ours makes of it."""
    for seed in seeds:
        one = one_metric(kind, seed)
        yield Life(one, tuple(ours(one)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_metric_proposes_what_upstream_proposes(kind: str) -> None:
    agree(passes(kind, FEW))


def test_a_life_is_lived_as_upstream_lives_it() -> None:
    """Behavior, stabilization, scale events, scaling to zero, conditions: pass by pass, with all that is remembered."""
    agree(life(seed) for seed in SOME_LIVES)


@pytest.mark.parametrize("settings", [Settings(), Settings(scale_to_zero=False)], ids=["zero", "no zero"])
def test_what_the_api_server_refuses_is_a_problem_of_the_same_field(settings: Settings) -> None:
    specs = [doubtful(seed) for seed in range(5000)]
    for spec, refused in zip(specs, refused_by_upstream(specs, settings), strict=True):
        fields = {_field(it) for it in refused}
        assert {_field(it) for it in problems(spec, settings)} == fields, f"{refused}: {spec}"


def test_a_quantity_is_worth_as_much_as_upstream() -> None:
    random = Random("quantities")
    texts = [quantity(random) for _ in range(20_000)]
    for text, (amount, tolerance) in zip(texts, worth_to_upstream(texts), strict=True):
        assert milli(text) == amount, text
        # Explained: more digits than an int64 has are kept in another form. No tolerance is that large.
        assert approximate(text) == tolerance or tolerance > 1e9, text


def _field(problem: str) -> str:
    """The field of a problem: without the source of a metric, which ours has no name for, and what its target lacks."""
    field = re.sub(
        r"^spec\.|(?<=\])\.(resource|containerResource|pods|object|external)(?=\.)", "", problem.partition(": ")[0]
    )
    return re.sub(r"\.target\..*", ".target", field)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_proposals_are_equal(kind: str) -> None:
    agree(passes(kind, MANY))


@pytest.mark.long
@pytest.mark.parametrize("seeds", MANY_LIVES, ids=str)
def test_ten_thousand_lives_are_equal(seeds: range) -> None:
    agree(life(seed) for seed in seeds)


def test_it_is_the_upstream_of_the_cluster() -> None:
    """Both modules pin the same Kubernetes, of which the live controller of the scenarios is."""
    module = (PROGRAMS_DIRECTORY / "hpa" / "go.mod").read_text()
    assert f"k8s.io/kubernetes v{KUBERNETES_VERSION}\n" in module

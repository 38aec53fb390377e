"""The picture and the examples on the page about analysis are what the judge says today."""

import re

import pytest

from pictures.evidence import svg
from pictures.page import IMAGE, PAGE, filled_in
from pictures.story import FAULT, RISE, TOLERANCE, rollout
from serin.api.status import Verdict

NUMBER = re.compile(r"-?\d+\.\d+")
SMALL = 150_000
"""Bytes of a picture that a browser shows without a wait."""


def test_the_examples_on_the_page_are_what_the_judge_says() -> None:
    assert PAGE.read_text() == filled_in(PAGE.read_text()), "run `make pictures`"


def test_an_example_without_its_marks_is_told() -> None:
    with pytest.raises(ValueError, match="lacks the marks of the example status"):
        filled_in("no marks")


def test_the_picture_is_the_one_that_the_judge_draws() -> None:
    known, drawn = IMAGE.read_text(), svg()
    # The last digit of a logarithm is the machine's own.
    assert NUMBER.sub("", known) == NUMBER.sub("", drawn), "run `make pictures`"
    assert [float(number) for number in NUMBER.findall(known)] == pytest.approx(
        [float(number) for number in NUMBER.findall(drawn)], abs=0.01
    )
    assert len(known) < SMALL


def test_the_good_candidate_passes_and_the_bad_one_fails_by_its_errors_after_the_fault() -> None:
    story = list(rollout(rise=0.0))
    assert story[-1].status.verdict is Verdict.PASS
    beyond = [one.number for one in story if (one.status.metrics[0].estimate or 0.0) > TOLERANCE]
    assert beyond == [22]
    *_, bad = rollout(rise=RISE)
    errors, latency = bad.status.metrics
    assert (errors.verdict, latency.verdict) == (Verdict.FAIL, Verdict.PASS)
    assert errors.estimate is not None
    assert errors.estimate > TOLERANCE
    # What the page says of the picture.
    assert (FAULT, bad.number) == (14, 19)

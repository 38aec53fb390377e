"""What was read from objects and is not read again."""

from collections.abc import Mapping

import pytest

from serin.controller.memo import Memo


def test_the_same_is_read_once_and_something_else_anew() -> None:
    memo, read = Memo(), []

    def reader(source: Mapping[str, int]) -> int:
        read.append(source["a"])
        return source["a"]

    for value in (1, 1, 2, 2, 1):
        with memo.reading():
            assert memo.read("spec", {"a": value}, reader) == value
    assert read == [1, 2, 1]


def test_what_cannot_be_read_is_tried_each_time() -> None:
    memo = Memo()
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"), memo.reading():
            memo.read("spec", "x", int)


def test_what_is_read_no_more_is_kept_no_longer() -> None:
    memo = Memo()
    with memo.reading():
        memo.read("old", "1", int)
    with memo.reading():
        memo.read("new", "2", int)
    assert memo._known.keys() == {"new"}

"""The books: whose answer, whose fault, since when."""

import pytest

from demo.ledger import RATE_WINDOW_SECONDS, Answer, Badness, Ledger, Reply, classify


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(0, 0.01, 200, "2.0.0"), Answer.SUCCESS),
        (Reply(0, 0.01, 500, "5.0.0"), Answer.MODEL_ERROR),
        (Reply(0, 0.01, 503, None), Answer.LOST),
        (Reply(0, 0.01, 404, None), Answer.LOST),
        (Reply(0, 0.01, 200, None), Answer.LOST),
        (Reply(0, 5.0, None, None, "TimeoutError"), Answer.LOST),
    ],
)
def test_only_an_answer_that_names_its_version_is_the_models_own(reply: Reply, expected: Answer) -> None:
    assert classify(reply) is expected


def test_requests_are_counted_by_version_and_losses_apart() -> None:
    ledger = Ledger(slow_after=0.25)
    ledger.reply(Reply(1, 0.01, 200, "1.0.0"))
    ledger.reply(Reply(2, 0.30, 200, "1.0.0"))
    ledger.reply(Reply(3, 0.01, 500, "2.0.0"))
    ledger.reply(Reply(4, 0.01, 503, None, "status 503 from the gateway: no healthy upstream"))
    account = ledger.account(now=4)
    assert (account.requests, account.lost) == (4, 1)
    assert account.losses == ("status 503 from the gateway: no healthy upstream",)
    first, second = account.versions
    assert (first.version, first.requests, first.slow, first.errors) == ("1.0.0", 2, 1, 0)
    assert (second.version, second.requests, second.slow, second.errors) == ("2.0.0", 1, 0, 1)


def test_first_bad_is_the_earliest_of_its_kind_though_labels_come_in_any_order() -> None:
    ledger = Ledger(slow_after=0.25)
    ledger.label("3.0.0", predicted_at=9.0, correct=False)
    ledger.label("3.0.0", predicted_at=7.0, correct=False)
    ledger.label("3.0.0", predicted_at=5.0, correct=True)
    ledger.reply(Reply(8.0, 0.3, 200, "3.0.0"))
    version = ledger.account(now=10).version("3.0.0")
    assert version.first_bad == {Badness.WRONG: 7.0, Badness.SLOW: 8.0}
    assert (version.labelled, version.wrong) == (3, 2)


def test_the_rate_forgets_what_is_long_ago() -> None:
    ledger = Ledger(slow_after=0.25)
    for at in (0.0, 10.0, 10.5):
        ledger.reply(Reply(at, 0.01, 200, "1.0.0"))
    assert ledger.account(now=11.0).per_second == pytest.approx(2 / RATE_WINDOW_SECONDS)
    assert ledger.account(now=20.0).per_second == 0


def test_a_version_that_answered_nothing_has_an_empty_account() -> None:
    assert Ledger(slow_after=0.25).account(now=0).version("9.9.9").requests == 0

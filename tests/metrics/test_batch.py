"""Many rollouts, few queries, and nothing from outside is read as a query."""

from datetime import timedelta
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.subjects import ACCURACY, ERROR_RATE, LATENCY, NOW, analysis, shifted, subject
from serin.metrics import Subject
from serin.metrics.batch import MAX_POINTS, MAX_SUBJECTS, batches, halves
from serin.metrics.preset import preset_names
from serin.metrics.promql import any_of, counted, duration, escape_regex, quote, selector
from serin.metrics.signals import Signal


def test_one_query_answers_the_error_rate_and_the_split() -> None:
    planned = list(batches([subject(policy=analysis(ERROR_RATE))]))
    assert [batch.kind.signal for batch in planned] == [Signal.REQUESTS]


def test_requests_are_asked_for_even_if_no_metric_is_about_them() -> None:
    planned = list(batches([subject(policy=analysis(ACCURACY))]))
    assert {(batch.kind.signal, batch.kind.preset) for batch in planned} == {
        (Signal.OUTCOMES, "contract"),
        (Signal.REQUESTS, "contract"),
    }


def test_the_gateway_counts_the_requests_if_a_metric_reads_it() -> None:
    policy = analysis({**LATENCY, "source": "Gateway"}, ERROR_RATE)
    planned = {(batch.kind.signal, batch.kind.preset) for batch in batches([subject(policy=policy)])}
    assert planned == {(Signal.LATENCY, "contour"), (Signal.REQUESTS, "contour"), (Signal.REQUESTS, "contract")}


@pytest.mark.parametrize("count", [1, 10, 1000, MAX_SUBJECTS])
def test_the_number_of_queries_does_not_grow_with_the_number_of_rollouts(count: int) -> None:
    many = [subject(f"model-{number}", namespace=f"team-{number % 7}") for number in range(count)]
    planned = list(batches(many))
    assert len(planned) == 3
    assert all(len(batch.subjects) == count for batch in planned)
    assert all(len(batch.query.expression) < 30_000 for batch in planned)


def test_more_rollouts_than_fit_are_cut_by_namespace() -> None:
    many = [
        subject(f"model-{n}", namespace=f"team-{n % 2}", policy=analysis(ERROR_RATE)) for n in range(2 * MAX_SUBJECTS)
    ]
    planned = list(batches(many))
    assert [{one.namespace for one in batch.subjects} for batch in planned] == [{"team-0"}, {"team-1"}]
    assert 'namespace=~"team-0"' in planned[0].query.expression


def test_intervals_and_phases_are_apart() -> None:
    one = subject(policy=analysis(ERROR_RATE))
    other_phase = shifted(one, timedelta(seconds=7.5))
    other_interval = subject("other", policy=analysis(ERROR_RATE, interval="10s"))
    assert len(list(batches([one, other_phase, other_interval]))) == 3
    assert len(list(batches([one, shifted(one, timedelta(seconds=-60))]))) == 1


def test_an_outage_is_filled_with_one_range() -> None:
    late, punctual = subject("late", due=5), subject("punctual")
    (requests,) = (batch for batch in batches([late, punctual]) if batch.kind.signal is Signal.REQUESTS)
    assert (requests.query.start, requests.query.end) == (NOW - timedelta(minutes=2), NOW)
    assert requests.query.step == timedelta(seconds=30)


def test_a_long_outage_is_filled_in_pieces_that_touch_no_tick_twice() -> None:
    many = [subject(f"model-{n}", due=500, policy=analysis(ERROR_RATE)) for n in range(1000)]
    planned = list(batches(many))
    times = []
    for batch in planned:
        at = batch.query.start
        while at <= batch.query.end:
            times.append(at)
            at += batch.query.step
    assert len(planned) == 500_000 // MAX_POINTS
    assert times == list(many[0].due)


def test_a_query_must_be_over_before_the_next_tick() -> None:
    (batch,) = batches([subject(policy=analysis(ERROR_RATE, interval="5s"))])
    assert batch.query.timeout == timedelta(seconds=4)


def test_a_query_of_one_rollout_reads_its_own_series_alone() -> None:
    (batch,) = batches([subject(policy=analysis({**ERROR_RATE, "source": "Gateway"}))])
    assert 'envoy_cluster_name=~"ml_fraud-5c9d7f4b6d_80|ml_fraud-8f21c0a97e_80"' in batch.query.expression


def test_names_too_many_to_write_out_are_narrowed_by_what_they_share() -> None:
    policy = analysis({**ERROR_RATE, "source": "Gateway"})
    many = [subject(f"model-{n}", policy=policy) for n in range(200)]
    (batch,) = batches(many)
    beginnings = "|".join(f"ml_model-{digit}" for digit in range(1, 10))
    assert f'envoy_cluster_name=~"(ml_model-0|{beginnings}).*"' in batch.query.expression


def test_half_of_many_rollouts_reads_other_series_than_the_other_half() -> None:
    many = [subject(f"model-{n:03}", policy=analysis(ERROR_RATE)) for n in range(200)]
    (batch,) = batches(many)
    first, second = halves(batch)
    assert 'serin_model=~"(model-00|model-01|' in first.query.expression
    assert "model-10" not in first.query.expression
    assert 'serin_model=~"(model-10|' in second.query.expression
    assert (first.subjects + second.subjects, first.query.start) == (batch.subjects, batch.query.start)


def test_a_range_is_halved_before_its_rollouts_are() -> None:
    (batch,) = batches([subject(due=5, policy=analysis(ERROR_RATE)), subject("churn", policy=analysis(ERROR_RATE))])
    first, second = halves(batch)
    assert [(part.query.start, part.query.end) for part in (first, second)] == [
        (NOW - timedelta(minutes=2), NOW - timedelta(minutes=1)),
        (NOW - timedelta(seconds=30), NOW),
    ]
    assert first.subjects == second.subjects == batch.subjects


def test_one_tick_of_one_rollout_has_no_halves() -> None:
    (batch,) = batches([subject(policy=analysis(ERROR_RATE))])
    assert halves(batch) == ()


def test_every_server_is_asked_for_its_own_rollouts() -> None:
    ours = subject(policy=analysis(ERROR_RATE))
    theirs = subject("churn", policy=analysis(ERROR_RATE).model_copy(update={"prometheus": "mimir"}))
    planned = list(batches([ours, theirs]))
    assert [(batch.query.server, batch.subjects) for batch in planned] == [("default", (ours,)), ("mimir", (theirs,))]


def test_names_are_never_read_as_a_query() -> None:
    evil = Subject('a"} or vector(1) #', "m.l|x", "r\\", "s\n", analysis(ERROR_RATE), (NOW,))
    (batch,) = batches([evil])
    assert 'namespace=~"a\\"\\\\} or vector\\\\(1\\\\) #"' in batch.query.expression
    assert 'serin_model=~"m\\\\.l\\\\|x"' in batch.query.expression


@given(st.text(max_size=20))
def test_quoting_leaves_no_way_out(text: str) -> None:
    inner = quote(text)[1:-1]
    assert "\n" not in inner
    assert not inner.replace("\\\\", "").replace('\\"', "").count('"')


def test_small_helpers() -> None:
    assert escape_regex("a-b.c") == "a-b\\.c"
    assert any_of(["a.b", "c"]) == "a\\.b|c"
    assert selector("m", {"a": "x", "b": "y"}) == 'm{a=~"x",b=~"y"}'
    assert duration(timedelta(seconds=30)) == "30s"
    assert duration(timedelta(seconds=1.25)) == "1250ms"


def test_the_answer_bears_the_labels_of_the_revision_and_of_the_cell() -> None:
    expression = counted("m", timedelta(seconds=30), telling="m", scope=("rev",), by=("rev", "le"))
    assert expression.startswith("(sum by (rev, le) (")
    assert "on (job, instance, rev)" in expression


@pytest.mark.parametrize("number", [1, 5, 8, 9, 10, 13, 20, 40, 130, 500])
@pytest.mark.parametrize("server", preset_names())
def test_a_query_is_short_enough_for_the_proxies_in_front_of_prometheus(server: str, number: int) -> None:
    """nginx and Apache refuse a URL of more than about 8,000 characters."""
    policy = analysis()
    subjects = [
        Subject(
            f"namespace-{at:012}", f"model-{at:016}", f"{at:010}", f"{at + number:010}", policy, (NOW,), server=server
        )
        for at in range(number)
    ]
    for batch in batches(subjects):
        assert len(quote_plus(batch.query.expression)) < 7800

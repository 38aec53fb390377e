"""A user's own PromQL: what is refused before it is sent, and that no name can change a query's shape."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from promql_parser import Expr, VectorSelector, parse, walk

from serin.api.own_metrics import PLACEHOLDERS
from serin.metrics.own import OwnQueryError, check_query, fill

SECONDS_30 = timedelta(seconds=30)
VALUES = {
    "namespace": "ml",
    "model": "fraud",
    "revision": "5c9d7f4b6d",
    "version": "1.0.0",
    "service": "fraud-5c9d7f4b6d",
    "workload": "fraud-5c9d7f4b6d",
}


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ('sum(increase(x{v="$version"}[$window]))', 'sum(increase(x{v="1.0.0"}[30s]))'),
        ("sum(increase(x{v='$version'}[$window]))", "sum(increase(x{v='1.0.0'}[30s]))"),
        ("x{v=`$version`}", 'x{v="1.0.0"}'),
        (r'x{v="$version",p=~`/v\d+`}', r'x{v="1.0.0",p=~"/v\\d+"}'),
        (r"x{v=~`a\.b-$version`}", r'x{v=~"a\\.b-1\\.0\\.0"}'),
        ('x{v=~"$version|none"}', r'x{v=~"1\\.0\\.0|none"}'),
        ('x{v!~"$version"}', r'x{v!~"1\\.0\\.0"}'),
        ('x{v!="$version"}', 'x{v!="1.0.0"}'),
        ('x{pod=~"$workload-.*",namespace="$namespace"}', 'x{pod=~"fraud-5c9d7f4b6d-.*",namespace="ml"}'),
        ('x{s="$service.$namespace.svc"}', 'x{s="fraud-5c9d7f4b6d.ml.svc"}'),
        ('sum(x{v="$version"} offset $window)', 'sum(x{v="1.0.0"} offset 30s)'),
        ('sum(x{v="$version"} offset -$window)', 'sum(x{v="1.0.0"} offset -30s)'),
        ('max_over_time(x{v="$version"}[$window:5s])', 'max_over_time(x{v="1.0.0"}[30s:5s])'),
        ('max_over_time(x{v="$version"}[5m:$window])', 'max_over_time(x{v="1.0.0"}[5m:30s])'),
        ('x{v="$version"} # of "$version" @ end()', 'x{v="1.0.0"}  '),
        ('x{v="$version",p="#"}', 'x{v="1.0.0",p="#"}'),
    ],
)
def test_placeholders_are_filled_in_where_they_may_stand(query: str, sent: str) -> None:
    assert check_query(query) is None
    assert fill(query, VALUES, SECONDS_30) == sent


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("", "it is no PromQL: no expression found in input"),
        ('sum(rate(x{v="$version"}[$window])', "it is no PromQL: unclosed left parenthesis"),
        ('rate(x{v="$version"})', "it is no PromQL: expected type matrix in call to function 'rate', got vector"),
        ('x{v="$version}', 'a text begins with " and does not end in its line'),
        ('x{v=~"($version"}', "it is no PromQL: illegal regex"),
        ('x{v="$version"}[$window]', "it gives many values of one series"),
        ('(x{v="$version"}[$window:1s])', "it gives many values of one series"),
        ('"$version"', "$version may only be what a label is matched with"),
        ("'text'", "it gives a text and no number"),
        ("x{v=$version}", '$version is a text: write it in quotes, such as {version="$version"}'),
        ("$model", "$model is a text"),
        ('label_replace(x,"v","$version","a","b")', "$version may only be what a label is matched with"),
        ('{"$model"}', "$model may only be what a label is matched with"),
        ('x{v="$version"} == on() "$version"', "$version may only be what a label is matched with"),
        ('x{v="$version"} * $window', "$window is a duration: write it in brackets"),
        ('x{v="$version",w="$window"}', "$window is a duration and not a text"),
        (r'x{v="\$version"}', "a backslash stands before $version"),
        (r'x{v=~"\\$version"}', "a backslash stands before $version"),
        (r"x{v=~`\$version`}", "a backslash stands before $version"),
        ('x{v="$versions"}', "$versions is no placeholder: write one of $namespace, $model"),
        ('x{v=~"$version$"}', "$ is no placeholder"),
        ('x{v="$version"}[$interval]', "$interval is no placeholder"),
        ('x{v="$version"} @ end()', "@ asks for another time than the tick's"),
        ('x{n="$namespace",m="$model"}', "it has the same answer for both versions: match a label with $revision or"),
        ('x{n="$namespace"} # $version', "it has the same answer for both versions"),
        ('x{v="$version"}' + "+1" * 101, "it has more than 100 operators: shorten it"),
    ],
)
def test_what_cannot_be_asked_is_told_in_words(query: str, wrong: str) -> None:
    found = check_query(query)
    assert found is not None
    assert found.startswith(wrong)


def test_what_is_not_known_of_a_version_is_told() -> None:
    with pytest.raises(OwnQueryError, match=r"what \$version stands for is not known here"):
        fill('x{v="$version"}', {}, SECONDS_30)


EVIL = (
    '1.0"} or vector(1) #',
    "1.0'} or vector(1) #",
    "1.0`} or vector(1) #",
    "\\",
    '\\"',
    "\n",
    "a|b",
    ".*",
    "$model",
)


@pytest.mark.parametrize("quotes", ['"', "'", "`"])
@given(value=st.one_of(st.sampled_from(EVIL), st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
def test_no_name_leaves_its_string(quotes: str, value: str) -> None:
    filled = fill(f"x{{v={quotes}$version{quotes}}}", VALUES | {"version": value}, SECONDS_30)
    parsed = parse(filled)
    assert isinstance(parsed, VectorSelector)
    (matcher,) = parsed.matchers.matchers
    assert (parsed.name, matcher.name, matcher.value) == ("x", "v", value)


@pytest.mark.parametrize("quotes", ['"', "'", "`"])
@given(value=st.one_of(st.sampled_from(EVIL), st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
def test_no_name_is_read_as_a_regular_expression(quotes: str, value: str) -> None:
    filled = fill(f"x{{v=~{quotes}a.*$version{quotes}}}", VALUES | {"version": value}, SECONDS_30)
    parsed = parse(filled)
    assert isinstance(parsed, VectorSelector)
    (matcher,) = parsed.matchers.matchers
    special = r"\.+*?()|[]{}^$"
    assert matcher.value == "a.*" + "".join(f"\\{char}" if char in special else char for char in value)


TEXTS = st.lists(st.sampled_from(['"', "'", "`", "\\", "$version", "}", "#", "\n", "a"]), max_size=5).map("".join)
MATCHERS = st.tuples(st.sampled_from(["=", "!=", "=~", "!~"]), st.sampled_from(["'", '"', "`"]), TEXTS)


def shape(query: str) -> list[tuple[object, ...]]:
    """What a query consists of, apart from what labels are matched with."""
    found: list[tuple[object, ...]] = []

    def visit(part: Expr) -> None:
        selector = part if isinstance(part, VectorSelector) else None
        matchers = selector.matchers.matchers if selector else []
        found.append((type(part), [(matcher.name, str(matcher.op)) for matcher in matchers]))

    walk(parse(query), visit)
    return found


@given(st.lists(MATCHERS, max_size=4), st.sampled_from(EVIL))
def test_what_passes_the_check_keeps_its_shape_whatever_the_names_are(
    written: list[tuple[str, str, str]], evil: str
) -> None:
    others = "".join(f", l{operator}{quotes}{text}{quotes}" for operator, quotes, text in written)
    query = f'x{{v="$version"{others}}}'
    if check_query(query) is None:
        tame, wild = (fill(query, dict.fromkeys(PLACEHOLDERS, value), SECONDS_30) for value in ("a", evil))
        assert shape(tame) == shape(wild)

"""`serin replay`: what a policy makes of the past, as a real Prometheus knows it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.manifest import with_steps, write
from cli.past import BEFORE, CANDIDATE, STABLE, Version, time_text, write_past
from metrics.real_prometheus import RealPrometheus, real_prometheus
from serin.cli import past, replay
from serin.cli.live import PATIENCE
from serin.cli.main import main
from serin.metrics import PrometheusProvider
from serin.metrics.provider import RangeQuery, Series

STEPS = ({"weight": 5, "hold": "5m"}, {"weight": 20, "hold": "10m"})
ERROR_RATE = {"name": "error-rate", "threshold": "2%"}
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def prometheus() -> Iterator[RealPrometheus]:
    """A server that remembers a healthy candidate and one that failed; both got a tenth of the requests."""
    from localcluster.build import ensure_built

    with real_prometheus(ensure_built()["prometheus"]) as server:
        for model, failing in (("healthy", 0.01), ("failing", 0.08)):
            stable, candidate = Version(STABLE, 45, 0.01, since=-BEFORE), Version(CANDIDATE, 5, failing)
            write_past(server, stable, candidate, model=model)
        yield server


@pytest.fixture
def run(prometheus: RealPrometheus, tmp_path: Path) -> "Run":
    """The command on that past."""
    return Run(prometheus, tmp_path)


class Run:
    """Replays of the same time."""

    def __init__(self, prometheus: RealPrometheus, directory: Path) -> None:
        self.prometheus = prometheus
        self.directory = directory

    def __call__(self, model: str, *arguments: str, end: timedelta = 40 * MINUTE, **analysis: Any) -> int:
        manifest = with_steps(*STEPS, **{"initialDelay": "0s", "metrics": [ERROR_RATE], **analysis})
        manifest["metadata"]["name"] = model
        # fmt: off
        return main(
            ["replay", "-f", write(self.directory / "md.yaml", manifest), "--prometheus", self.prometheus.url,
             "--start", time_text(), "--end", time_text(end), "--candidate", CANDIDATE, "--stable", STABLE, *arguments]
        )
        # fmt: on


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What was said as JSON."""
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def test_a_healthy_past_is_promoted_when_its_steps_are_over(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("healthy", "-o", "json") == 0
    said = answer(capsys)
    assert (said["decision"], said["at"]) == ("Promoted", time_text(15 * MINUTE))
    assert said["weights"] == [
        {"since": time_text(), "weight": 5},
        {"since": time_text(5 * MINUTE), "weight": 20},
    ]
    assert [tick["at"] for tick in said["ticks"]] == [time_text(MINUTE * half / 2) for half in range(1, 30)]
    assert [tick["weight"] for tick in said["ticks"]] == [5] * 10 + [20] * 19
    assert {tick["share"] for tick in said["ticks"]} == {0.1}
    assert said["ticksNotJudged"] == 51


def test_the_analysis_begins_after_its_initial_delay(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("healthy", "-o", "json", initialDelay="90s") == 0
    first = answer(capsys)["ticks"][0]
    assert first["at"] == time_text(2 * MINUTE)
    assert first["analysis"]["startedAt"].startswith(time_text(1.5 * MINUTE)[:-1])


def test_a_long_past_is_read_in_pieces_and_in_no_hurry(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("healthy", "-o", "json") == 0
    whole = answer(capsys)
    asked: list[RangeQuery] = []

    async def query_range(self: PrometheusProvider, query: RangeQuery) -> tuple[Series, ...]:
        asked.append(query)
        return await ask(self, query)

    ask = PrometheusProvider.query_range
    monkeypatch.setattr(PrometheusProvider, "query_range", query_range)
    monkeypatch.setattr(past, "AT_ONCE", 50)
    assert run("healthy", "-o", "json") == 0
    assert answer(capsys) == whole
    assert max((query.end - query.start) / query.step for query in asked) < 50
    assert {query.timeout for query in asked} == {PATIENCE}


def test_a_failing_past_is_rolled_back_and_every_number_of_it_is_told(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("failing", "-o", "json") == 1
    said = answer(capsys)
    assert said["decision"] == "RolledBack"
    *before, last = said["ticks"]
    assert said["at"] == last["at"]
    assert last["at"] <= time_text(4 * MINUTE)
    counted = [tick["counted"]["error-rate"]["candidate"] for tick in said["ticks"]]
    assert {one["total"] for one in counted} == {150}
    (metric,) = last["analysis"]["metrics"]
    assert (metric["verdict"], metric["reason"], metric["harm"]) == ("Fail", "OverLimit", "1.00")
    assert metric["estimate"] == pytest.approx(sum(one["bad"] for one in counted) / (150 * len(counted)), rel=1e-3)
    assert all(tick["analysis"]["verdict"] != "Fail" for tick in before)


def test_the_table_shows_each_tick_and_ends_with_the_decision(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("failing") == 1
    head, first, *_, last = capsys.readouterr().out.splitlines()
    assert head.split() == list(replay_heads())
    assert first.split()[:4] == [time_text(MINUTE / 2), "1", "5%", "10.0%"]
    assert first.split()[5].endswith("/150")
    assert first.split()[6].endswith("/1350")
    assert last.startswith("RolledBack at 2026-01-01T12:0")
    assert "of the candidate's" in last


def replay_heads() -> tuple[str, ...]:
    """The columns that issue and help speak of."""
    return (
        "TIME", "STEP", "WEIGHT", "SHARE", "METRIC", "CANDIDATE", "STABLE", "ESTIMATE", "INTERVAL", "HARM", "SAFE",
        "VERDICT", "REASON",
    )  # fmt: skip


def test_several_metrics_have_a_line_each_and_one_for_all(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    latency = {"name": "latency", "threshold": "250ms"}
    assert run("healthy", metrics=[ERROR_RATE, latency], end=3 * MINUTE) == 1
    _, first, second, third, *_ = capsys.readouterr().out.splitlines()
    assert first.split()[4] == "error-rate"
    assert second.split() == ["latency", "-", "-", "-", "-", "0.00", "0.00", "Hold", "NoData"]
    assert third.split() == ["all", "Hold", "NoData"]


def test_with_a_weight_the_split_must_have_been_so(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("healthy", "-o", "json", "--weight", "10") == 0
    assert answer(capsys)["at"] == time_text(40 * MINUTE)
    assert run("healthy", "-o", "json", "--weight", "20") == 1
    said = answer(capsys)
    assert said["decision"] == "Undecided"
    assert "Its traffic does not reach it: the candidate got 10%" in said["why"]


def test_the_past_before_the_analysis_teaches_what_is_usual(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = []

    def learn(self: Any, history: Any) -> None:
        learned.extend(history)

    monkeypatch.setattr("serin.judge.trial.Trial.learn", learn)
    assert run("healthy") == 0
    with_data = [tick for tick in learned if tick.metrics["error-rate"].stable is not None]
    assert f"{max(tick.at for tick in learned):%Y-%m-%dT%H:%M:%SZ}" == time_text()
    assert len(learned) == 60
    assert len(with_data) == 30


@pytest.mark.parametrize(("name", "begins"), [("one.png", b"\x89PNG"), ("one.svg", b"<?xml")])
def test_it_is_drawn(name: str, begins: bytes, run: Run, tmp_path: Path) -> None:
    assert run("failing", "--plot", str(tmp_path / name)) == 1
    drawn = (tmp_path / name).read_bytes()
    assert drawn.startswith(begins)
    if name.endswith("svg"):
        said = drawn.decode()
        assert "error-rate: evidence" in said
        assert "RolledBack at 2026-01-01 12:0" in said
        assert run("failing", "--plot", str(tmp_path / "again.svg")) == 1
        assert (tmp_path / "again.svg").read_bytes() == drawn


def test_without_matplotlib_it_is_said_what_to_install(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "plotting_is_there", lambda: False)
    assert run("failing", "--plot", "one.png") == 2
    assert "pip install 'serin[plot]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--candidate", "nobody", "--stable", "either"], "Prometheus knows nothing of default/healthy"),
        (["--candidate", STABLE], "are the same revision"),
        (["--end", "2026-01-01T11:00:00Z"], "--end is not after --start"),
        (["--end", "2026-01-01T12:00:10Z"], "no tick lies between --start and --end"),
        (["--plot", "one.pdf"], "write a name that ends in .png or .svg"),
        (["--plot", "no-such-directory/one.png"], "cannot be written: No such file or directory"),
        (["--prometheus", "http://127.0.0.1:1"], "cannot be reached"),
        (["--header", "Authorization=me"], "Authorization is a secret"),
    ],
)
def test_what_cannot_be_worked_with_is_told(
    arguments: list[str], told: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("healthy", *arguments) == 2
    assert told in capsys.readouterr().err


def test_a_manifest_that_is_not_one_to_judge_is_told(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("healthy", confirm=0) == 2
    assert "the API server would refuse it" in capsys.readouterr().err

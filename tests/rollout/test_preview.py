"""Who asks for the candidate by a header reaches it before its traffic does; users stay where they were."""

from datetime import timedelta
from typing import Any

from rollout.simulator import Simulator, manifest, roll_out, service_of
from serin.api.status import Phase, Verdict
from serin.traffic.routing import Audience, Stickiness

HEADERS = {"X-Serin-Preview": "true"}


def previewing(steps: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    """A strategy with a preview."""
    canary = {"canary": {"steps": steps}} if steps else {}
    return {"strategy": {"preview": {"headers": HEADERS}, **canary, **changes}}


def test_the_preview_begins_when_the_pods_are_ready_and_before_any_weight(healthy: Simulator) -> None:
    healthy.pod_seconds = 30
    new = roll_out(healthy, **previewing([{"weight": 10, "hold": "1m"}]))
    healthy.pass_time(29)
    assert (healthy.previewed(), healthy.split[new]) == (None, 0)
    healthy.now += timedelta(seconds=1)
    while healthy.previewed() is None:
        healthy.step()
    assert (healthy.previewed(), healthy.split[new]) == (new, 0)
    healthy.settle()
    assert (healthy.previewed(), healthy.split[new]) == (new, 10)


def test_a_pause_at_weight_0_is_a_preview_without_end(healthy: Simulator) -> None:
    new = roll_out(healthy, **previewing([{"pause": {}}, {"weight": 50, "hold": "1m"}]))
    healthy.pass_time(3600)
    assert (healthy.previewed(), healthy.split[new], healthy.pods[new]) == (new, 0, 1)
    assert healthy.routing().audiences == (Audience(service_of(new), HEADERS),)
    healthy.ask("resume")
    healthy.settle()
    assert (healthy.previewed(), healthy.split[new]) == (new, 50)


def test_no_proxy_that_does_not_know_the_backend_yet_is_asked_to_lead_there(healthy: Simulator) -> None:
    healthy.accept_routes = False
    new = roll_out(healthy, **previewing())
    healthy.pass_time(60)
    assert (healthy.previewed(), healthy.split[new]) == (None, 0)


def test_the_preview_stays_through_all_steps_and_goes_with_the_promotion(healthy: Simulator) -> None:
    new = roll_out(healthy, **previewing([{"weight": 10, "hold": "1m"}, {"weight": 50, "hold": "1m"}]))
    healthy.pass_time(110)
    assert healthy.previewed() == new
    healthy.pass_time(20)
    assert (healthy.stable, healthy.previewed(), healthy.routing().audiences) == (new, None, ())


def test_a_rollback_takes_weight_and_preview_away_in_the_same_write(healthy: Simulator) -> None:
    new = roll_out(healthy, **previewing())
    generation = healthy.route_generation
    healthy.ask("abort")
    healthy.settle()
    assert healthy.split[new] == 0
    assert (healthy.previewed(), healthy.route_generation) == (None, generation + 1)


def test_other_headers_are_written_in_the_middle_and_none_end_the_preview(healthy: Simulator) -> None:
    new = roll_out(healthy, **previewing([{"weight": 10, "hold": "1h"}]))
    other = manifest("2.0.0", **previewing([{"weight": 10, "hold": "1h"}]))
    other["strategy"]["preview"] = {"headers": {"X-Tester": "alice"}}
    healthy.apply(other)
    assert healthy.routing().audiences == (Audience(service_of(new), {"x-tester": "alice"}),)
    del other["strategy"]["preview"]
    healthy.apply(other)
    assert (healthy.previewed(), healthy.split[new]) == (None, 10)


def test_a_preview_that_is_asked_for_in_the_middle_begins(healthy: Simulator) -> None:
    steps = [{"weight": 10, "hold": "1h"}]
    new = roll_out(healthy, strategy={"canary": {"steps": steps}})
    healthy.apply(manifest("2.0.0", **previewing(steps)))
    assert healthy.previewed() == new


def test_the_next_candidate_is_not_previewed_before_its_own_pods_are_ready(healthy: Simulator) -> None:
    old = roll_out(healthy, **previewing())
    assert healthy.previewed() == old
    healthy.pod_seconds = 30
    new = roll_out(healthy, "3.0.0", **previewing())
    healthy.pass_time(20)
    assert healthy.previewed() is None
    healthy.pass_time(20)
    assert healthy.previewed() == new


def test_a_lost_status_of_a_candidate_that_only_testers_reach_does_not_promote_it(healthy: Simulator) -> None:
    strategy = previewing([{"pause": {}}, {"weight": 50, "hold": "1m"}])
    new = roll_out(healthy, replicas=1, **strategy)
    healthy.pass_time(60)
    healthy.lose_status()
    healthy.settle()
    assert (healthy.status.candidate, healthy.split[new]) == (new, 0)
    assert healthy.status.phase is Phase.PAUSED


def test_users_stay_with_their_version_while_weights_move_and_only_then(healthy: Simulator) -> None:
    steps = [{"weight": 10, "hold": "1m"}, {"weight": 50, "hold": "1m"}]
    canary = {"steps": steps, "stickiness": {"maxAge": "30m"}}
    roll_out(healthy, strategy={"canary": canary})
    sticky = Stickiness("serin-fraud", timedelta(minutes=30))
    assert healthy.routing().stickiness == sticky
    healthy.pass_time(70)
    assert (healthy.status.weight, healthy.routing().stickiness) == (50, sticky)
    healthy.pass_time(60)
    assert (healthy.status.candidate, healthy.routing().stickiness) == (None, None)


def test_nobody_stays_with_a_version_that_is_rolled_back(healthy: Simulator) -> None:
    roll_out(
        healthy,
        strategy={"canary": {"stickiness": {}}},
        analysis={"metrics": [{"name": "error-rate", "threshold": "2%"}]},
    )
    generation = healthy.route_generation
    healthy.verdict = Verdict.FAIL
    healthy.settle()
    assert (healthy.routing().stickiness, healthy.route_generation) == (None, generation + 1)

"""`serin explain --traffic`: what is wanted, what the route says, what its proxy accepted, and what was counted."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.apiserver import FakeApiServer
from serin.cli.explain_traffic import interval, traffic_as_json, traffic_as_text
from serin.cli.main import main
from serin.cli.stored import stored
from serin.cli.stored_route import asked, desired
from serin.rollout.split import wanted_routing
from serin.traffic.routing import Routing

FILE = Path(__file__).parent / "explained.yaml"
STABLE, CANDIDATE = "fraud-5c9d7f4b6d", "fraud-8f21c0a97e"


def manifest(*, previewed: bool = True) -> dict[str, Any]:
    """In the middle of a canary with a preview, and with users who stay."""
    content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    strategy = content["spec"]["strategy"]
    strategy["preview"] = {"headers": {"X-Preview": "true"}}
    strategy["canary"]["stickiness"] = {"maxAge": "1h"}
    content["status"]["revisions"][1]["previewed"] = previewed
    content["status"]["analysis"]["split"] = {"expected": 0.25, "observed": 0.24, "requests": 1200.0}
    return content


def route(content: dict[str, Any], routing: Routing | None = None, *, generation: int = 4) -> dict[str, Any]:
    """The route as its Gateway has accepted it at generation 4."""
    found = stored(content)
    named = asked(found)
    assert named is not None
    provider, claim = named
    made = provider.make_route(claim, routing or wanted_routing(desired(found), found.status))
    conditions = [
        {"type": kind, "status": "True", "reason": kind, "observedGeneration": 4}
        for kind in ("Accepted", "ResolvedRefs")
    ]
    made["metadata"]["generation"] = generation
    return {**made, "status": {"parents": [{"parentRef": made["spec"]["parentRefs"][0], "conditions": conditions}]}}


def test_all_that_is_known_of_the_traffic_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = manifest()
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all([content, route(content)]))
    assert main(["explain", "ml/fraud", "--traffic", "-f", str(file)]) == 0
    text = capsys.readouterr().out
    for words in (
        "The HTTPRoute fraud carries the traffic, which Serin makes",
        "It is accepted: accepted at generation 4",
        "Candidate    2.1.0  8f21c0a97e  25 %    25 %",
        "Requests with x-preview: true reach version 2.1.0\n",
        "Users stay with the version that answered them first for 1h, by the cookie serin-fraud\n",
        "Of 1200 requests 24 % reached the candidate (really 21.7 to 26.5 %, 95 times of 100); 25 % should",
    ):
        assert words in text


def test_programs_get_the_same() -> None:
    content = manifest()
    said = traffic_as_json(stored(content), route(content))
    assert said["route"] == {
        "kind": "HTTPRoute",
        "name": "fraud",
        "own": False,
        "generation": 4,
        "accepted": "accepted",
        "message": "accepted at generation 4",
    }
    assert said["wanted"] == said["written"]
    assert said["wanted"]["audiences"] == [{"service": CANDIDATE, "headers": {"x-preview": "true"}}]
    assert said["wanted"]["stickiness"] == {"cookie": "serin-fraud", "maxAge": "1h"}
    assert said["observed"]["interval"] == pytest.approx([0.2167, 0.2650], abs=1e-4)


def test_what_is_not_written_yet_and_what_is_still_there_are_told() -> None:
    content = manifest()
    before = route(content, Routing({STABLE: 95, CANDIDATE: 5}), generation=5)
    text = traffic_as_text(stored(content), before)
    assert "It does not say yet what is wanted" in text
    assert re.search(r"8f21c0a97e  25 % +5 %$", text, re.MULTILINE)
    assert "It is pending: waiting for Gateway ml/public to accept it at generation 5" in text
    assert "reach version 2.1.0 (not written yet)" in text
    after = traffic_as_text(stored(manifest(previewed=False)), route(content))
    assert "Requests with x-preview: true reach version 2.1.0 (still there)" in after


def test_a_route_that_contradicts_itself_or_is_not_there_is_told() -> None:
    content = manifest()
    spoilt = route(content)
    del spoilt["spec"]["rules"][1]
    assert "Its rules contradict each other" in traffic_as_text(stored(content), spoilt)
    assert "It is not there" in traffic_as_text(stored(content), None)


def test_why_an_own_route_cannot_be_used_is_told() -> None:
    content = manifest()
    content["spec"]["traffic"] = {"gatewayAPI": {"httpRoute": {"name": "front"}}}
    own = {
        "metadata": {"name": "front", "namespace": "ml", "generation": 1},
        "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [{"name": "other", "port": 80}]}]},
    }
    text = traffic_as_text(stored(content), own)
    assert "The HTTPRoute front carries the traffic, one of your own" in text
    assert "It cannot be used: HTTPRoute ml/front: no rule has the backend fraud" in text


def test_without_a_route_the_service_is_named() -> None:
    content = manifest()
    for part in ("traffic", "strategy", "analysis"):
        del content["spec"][part]
    assert "The Service fraud carries the traffic: a new version takes over at once" in traffic_as_text(
        stored(content), None
    )
    assert traffic_as_json(stored(content), None)["route"] is None


def test_before_enough_was_counted_no_share_is_made_up() -> None:
    content = manifest()
    content["status"]["analysis"]["split"] = {"expected": 0.25, "requests": 3.0}
    assert "too few were counted to say how many did" in traffic_as_text(stored(content), route(content))


def test_the_interval_is_wilsons() -> None:
    # Newcombe (1998), table I: 81 of 263, and none of 20.
    assert interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_the_route_is_read_from_the_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def run(*, with_route: bool) -> int:
        async with FakeApiServer() as server:
            content = manifest()
            kind = server.store.kind("modeldeployments")
            made = server.store.create(kind, content, manager="test")
            server.store.update(kind, made | {"status": content["status"]}, manager="test", status=True)
            if with_route:
                own = route(content)
                own["metadata"]["ownerReferences"][0]["uid"] = made["metadata"]["uid"]
                server.store.create(server.store.kind("httproutes"), own, manager="test")
            config = tmp_path / "kubeconfig"
            config.write_text(server.kubeconfig())
            return await asyncio.to_thread(
                main, ["explain", "ml/fraud", "--traffic", "-o", "json", "--kubeconfig", str(config)]
            )

    assert asyncio.run(run(with_route=True)) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["written"] == said["wanted"]
    assert asyncio.run(run(with_route=False)) == 0
    assert json.loads(capsys.readouterr().out)["written"] is None

"""The whole operator and its audit log."""

import asyncio
import json
from pathlib import Path

import pytest

from controller.mortal import new_client
from controller.whole import Whole
from fakes.apiserver import FakeApiServer
from fakes.waiting import until
from serin.audit import Head, verify


class Unheard(Whole):
    """One that finds rest although its audit log cannot be written."""

    def _audits(self) -> bool:
        return False


@pytest.mark.parametrize("killed", [False, True])
def test_a_log_that_cannot_be_written_holds_no_rollback_up_and_is_complete_later(
    tmp_path: Path, *, killed: bool
) -> None:
    """Its directory is made when the rollback is over; a Serin that never wrote a record may be dead by then."""
    log = tmp_path / "later" / "audit.jsonl"

    async def story() -> None:
        async with FakeApiServer() as server:
            whole = Unheard(server, new_client(server))
            whole.audit_log = str(log)
            await whole.start()
            try:
                await roll_back(whole)
                if killed:
                    await whole.kill()
                    await whole.client.close()
                    whole.client = new_client(server)
                log.parent.mkdir()
                if killed:
                    await whole.start()
                await until(lambda: not findings(whole, log), seconds=60)
            finally:
                await whole.stop()
                await whole.client.close()

    asyncio.run(story())
    actions = [json.loads(line)["action"] for line in log.read_bytes().splitlines()]
    assert actions.count("RolledBack") == 1


async def roll_back(whole: Whole) -> None:
    """Version 2.0.0 is turned away."""
    whole.deploy("1.0.0")
    await whole.until(lambda: whole.status().get("phase") == "Healthy")
    whole.judge.failing = 0.2
    whole.deploy("2.0.0")
    await whole.until(lambda: whole.status().get("phase") == "Degraded")
    pending = [json.loads(line)["action"] for line in whole.status()["audit"]["pending"]]
    assert {"RolloutStarted", "WeightChanged", "AnalysisFailed", "RolledBack"} <= set(pending)


def findings(whole: Whole, log: Path) -> list[str]:
    """What is wrong with the log."""
    chain, uid = whole.status()["audit"], (whole.find("modeldeployments", "fraud") or {})["metadata"]["uid"]
    lines = log.read_bytes().splitlines(keepends=True) if log.exists() else []
    return [str(one) for one in verify({"log": lines}, {uid: Head(chain["sequence"], chain["hash"])}).findings]

"""`python -m serin.audit FILE...`: verify an audit log. The one place of this room that reads files."""

import argparse
import json
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from serin.audit.record import Head
from serin.audit.verify import Proof, verify


def main(arguments: list[str] | None = None) -> int:
    """Print what is wrong, if anything; returns 0 when the log is whole, 1 when it is not."""
    parser = argparse.ArgumentParser(prog="python -m serin.audit", description="Verify audit logs of Serin.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="the log; several are verified as one, oldest first")
    parser.add_argument(
        "--status",
        metavar="FILE",
        help="what `kubectl get modeldeployments -A -o json` says, - for standard input: shows what was cut off from "
        "the end of the log",
    )
    options = parser.parse_args(arguments)
    heads, pending = _told_by(options.status) if options.status else ({}, [])
    with ExitStack() as stack:
        files: dict[str, Iterable[bytes]] = {name: stack.enter_context(Path(name).open("rb")) for name in options.files}
        proof = verify({**files, "status.audit.pending": pending}, heads)
    print(_report(proof))  # noqa: T201 - this is what the command is for
    return 1 if proof.findings else 0


def _told_by(name: str) -> tuple[dict[str, Head], list[bytes]]:
    """Where each chain ends, and the records that may not be in the log yet, by the statuses of ModelDeployments."""
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    heads, pending = {}, []
    for item in document.get("items", [document]):
        audit = (item.get("status") or {}).get("audit")
        if audit:
            heads[item["metadata"]["uid"]] = Head(audit["sequence"], audit["hash"])
            pending += [line.encode() + b"\n" for line in audit.get("pending", ())]
    return heads, pending


def _report(proof: Proof) -> str:
    chains = f"{proof.records} records in {len(proof.heads)} chains"
    if proof.findings:
        return "\n".join([*map(str, proof.findings), f"{chains}, and {len(proof.findings)} things are wrong"])
    return f"{chains}: all there, unchanged, each once and in order"


if __name__ == "__main__":
    sys.exit(main())

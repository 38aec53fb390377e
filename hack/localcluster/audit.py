"""What an API server notes of what it was asked: of one user alone, once it was answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localcluster.layout import Layout


@dataclass(frozen=True)
class Audit:
    """Whose requests are noted, nobody's if empty; `bodies`: with all that was asked and answered, word for word."""

    user: str = ""
    bodies: bool = False

    def flags(self, layout: Layout, log: Path) -> dict[str, Any]:
        """The flags of an API server, also of an aggregated one, that has it write such a log."""
        if not self.user:
            return {}
        level = "RequestResponse" if self.bodies else "Metadata"
        rules = [{"level": level, "users": [self.user]}, {"level": "None"}]
        policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": rules}
        path = layout.configuration / "audit-policy.yaml"
        path.write_text(yaml.safe_dump(policy))
        return {"audit-policy-file": path, "audit-log-path": log}


NOBODY = Audit()

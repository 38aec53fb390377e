"""What every component is made from: paths, programs and credentials."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localcluster.audit import NOBODY, Audit
from localcluster.build import Programs
from localcluster.component import Component, Probe
from localcluster.credentials import Credentials
from localcluster.layout import Layout


@dataclass(frozen=True)
class Recipe:
    """The ingredients of the components of one cluster."""

    layout: Layout
    programs: Programs
    credentials: Credentials
    limits: bool
    """The kubelet may enforce limits in control groups of its own."""
    one_id: bool
    """One user id alone exists inside: not root, and no subordinate ids."""
    audit: Audit = NOBODY
    """What the API server notes of what it is asked."""

    def component(
        self,
        name: str,
        program: str,
        arguments: dict[str, Any],
        *,
        probe: Probe,
        before: tuple[str, ...] = (),
        graceful: bool = False,
    ) -> Component:
        """A component whose flags are given by a table: a list repeats the flag, True is written `true`.

        `before` are the words between program and flags; `graceful` components get SIGTERM to stop.
        """
        argv = [str(self.programs[program]), *before]
        for flag, value in arguments.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            argv += [f"--{flag}={_word(it)}" for it in values]
        return Component(
            name,
            tuple(argv),
            str(self.layout.logs / f"{name}.log"),
            probe,
            environment=self.environment(),
            stop_signal=signal.SIGTERM if graceful else signal.SIGKILL,
        )

    def environment(self) -> dict[str, str]:
        """What every process inside sees of an environment."""
        return {"PATH": self.programs.search_path(), "HOME": str(self.layout.data), "TMPDIR": str(self.layout.data)}

    def write_yaml(self, name: str, content: Any) -> Path:
        """Write a configuration file and tell its path."""
        path = self.layout.configuration / name
        path.write_text(yaml.safe_dump(content))
        return path

    def write_json(self, name: str, content: Any) -> Path:
        """Write a configuration file and tell its path."""
        path = self.layout.configuration / name
        path.write_text(json.dumps(content, indent=1))
        return path


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

"""The counts of one look at many rollouts, gathered to be folded at once."""

from dataclasses import dataclass, field

import numpy as np

from serin.judge.processes import Processes


@dataclass(slots=True)
class Intake:
    """Rows of the table, and what each of them counted."""

    rows: list[int] = field(default_factory=list)
    counts: list[tuple[float, float, float, float]] = field(default_factory=list)

    def add(self, row: int, counts: tuple[float, float, float, float]) -> None:
        """Candidate total and bad, baseline total and bad, of one process; each row once."""
        self.rows.append(row)
        self.counts.append(counts)

    def fold_into(self, processes: Processes) -> None:
        """Add the look to the evidence."""
        if self.rows:
            processes.fold(np.array(self.rows), np.array(self.counts))

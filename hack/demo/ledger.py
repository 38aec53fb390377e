"""The book-keeping of the demo's requests: who answered what, and whose fault a failure was.

No clock and no I/O: times come in as seconds of one monotonic clock, so that accounts are easy to test.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

RATE_WINDOW_SECONDS = 3.0
KEPT_LOSSES = 10


class Answer(StrEnum):
    """What became of a request."""

    SUCCESS = "success"
    MODEL_ERROR = "model-error"
    """The model server itself answered with an error: a bad release, which Serin is there to find."""
    LOST = "lost"
    """No model server answered: a connection refused, a time-out, a 503 of the gateway. Serin's fault."""


class Badness(StrEnum):
    """In what way an answer is worse than a user should get."""

    WRONG = "wrong"
    SLOW = "slow"
    ERROR = "error"


@dataclass(frozen=True)
class Reply:
    """One request as the client saw it. `status` and `version` are None where no answer came."""

    at: float
    seconds: float
    status: int | None = None
    version: str | None = None
    problem: str = ""


@dataclass(frozen=True)
class VersionAccount:
    """What one version did. `first_bad` is the time of the first answer of each kind of badness."""

    version: str
    requests: int = 0
    errors: int = 0
    slow: int = 0
    labelled: int = 0
    wrong: int = 0
    first_bad: Mapping[Badness, float] = field(default_factory=dict)
    per_second: float = 0.0


@dataclass(frozen=True)
class Account:
    """All requests so far."""

    requests: int
    lost: int
    losses: tuple[str, ...]
    per_second: float
    versions: tuple[VersionAccount, ...]

    def version(self, version: str) -> VersionAccount:
        """Return the account of a version, an empty one if it has answered nothing."""
        return next((account for account in self.versions if account.version == version), VersionAccount(version))


def classify(reply: Reply) -> Answer:
    """Tell a model's failure from a failure of the delivery: only a model server names its version."""
    if reply.status is None or reply.version is None:
        return Answer.LOST
    return Answer.SUCCESS if reply.status < 500 else Answer.MODEL_ERROR


class Ledger:
    """Collects replies and labels; `account()` is the state of the books."""

    def __init__(self, *, slow_after: float) -> None:
        """Start empty. An answer that took more than `slow_after` seconds is slow."""
        self._slow_after = slow_after
        self._requests = 0
        self._lost = 0
        self._losses: deque[str] = deque(maxlen=KEPT_LOSSES)
        self._counts: dict[str, Counter[str]] = {}
        self._first_bad: dict[str, dict[Badness, float]] = {}
        self._recent: deque[tuple[float, str]] = deque()

    def reply(self, reply: Reply) -> Answer:
        """Enter one reply."""
        self._requests += 1
        answer = classify(reply)
        if answer is Answer.LOST or reply.version is None:
            self._lost += 1
            self._losses.append(reply.problem or f"status {reply.status} from the gateway")
            return Answer.LOST
        self._recent.append((reply.at, reply.version))
        self._count(reply.version, "requests")
        if answer is Answer.MODEL_ERROR:
            self._count(reply.version, "errors")
            self._bad(reply.version, Badness.ERROR, reply.at)
        elif reply.seconds > self._slow_after:
            self._count(reply.version, "slow")
            self._bad(reply.version, Badness.SLOW, reply.at)
        return answer

    def label(self, version: str, *, predicted_at: float, correct: bool) -> None:
        """Enter the true label of a prediction that was made at `predicted_at`."""
        self._count(version, "labelled")
        if not correct:
            self._count(version, "wrong")
            self._bad(version, Badness.WRONG, predicted_at)

    def account(self, now: float) -> Account:
        """Return the books at this moment."""
        while self._recent and self._recent[0][0] < now - RATE_WINDOW_SECONDS:
            self._recent.popleft()
        recent = Counter(version for _, version in self._recent)
        return Account(
            requests=self._requests,
            lost=self._lost,
            losses=tuple(self._losses),
            per_second=len(self._recent) / RATE_WINDOW_SECONDS,
            versions=tuple(self._version(version, recent[version]) for version in sorted(self._counts)),
        )

    def _version(self, version: str, recent: int) -> VersionAccount:
        counts = self._counts[version]
        return VersionAccount(
            version=version,
            requests=counts["requests"],
            errors=counts["errors"],
            slow=counts["slow"],
            labelled=counts["labelled"],
            wrong=counts["wrong"],
            first_bad=dict(self._first_bad.get(version, {})),
            per_second=recent / RATE_WINDOW_SECONDS,
        )

    def _count(self, version: str, what: str) -> None:
        self._counts.setdefault(version, Counter())[what] += 1

    def _bad(self, version: str, badness: Badness, at: float) -> None:
        """Keep the earliest time: labels come in any order."""
        first = self._first_bad.setdefault(version, {})
        first[badness] = min(at, first.get(badness, at))

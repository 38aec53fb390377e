"""What the executor learnt that no watch tells: it goes into the next observation."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from serin.rollout.actions import Action
from serin.rollout.contest import Contest, Target
from serin.rollout.undone import written

TAKEN_FOR = timedelta(seconds=30)
"""Somebody else's object of a name that we want is looked for again after this long."""
PODS_FOR = timedelta(seconds=15)
"""Why pods are not Ready is asked again after this long, while it is waited for them."""


class Notes:
    """Notes on one ModelDeployment."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._taken: dict[tuple[str, str], datetime] = {}
        self._pods: dict[str, tuple[str | None, datetime]] = {}
        self._invalid: dict[str, str] = {}
        self._deleting: tuple[str, datetime] | None = None
        self.contests: Mapping[Target, Contest] = {}
        """What the last plan remembers of the objects that others write, too."""

    def name_is_taken(self, kind: str, name: str) -> None:
        """An object of this name is there, and not ours."""
        self._taken[kind, name] = self._now() + TAKEN_FOR

    def taken(self) -> frozenset[tuple[str, str]]:
        """Names that were taken when last looked at."""
        now = self._now()
        self._taken = {name: until for name, until in self._taken.items() if until > now}
        return frozenset(self._taken)

    def looks_again_at(self) -> datetime | None:
        """When a taken name is to be tried again."""
        return min(self._taken.values(), default=None)

    def deleting_since(self, uid: str) -> datetime:
        """When the deletion was first seen, by our own clock: the API server's may be another."""
        if self._deleting is None or self._deleting[0] != uid:
            self._deleting = uid, self._now()
        return self._deleting[1]

    def has_written(self, action: Action) -> None:
        """An action was carried out."""
        self.contests = written(self.contests, action, self._now())

    def template_is_invalid(self, revision: str, words: str) -> None:
        """The API server refused the template."""
        self._invalid[revision] = words

    def template_was_told(self, revision: str) -> None:
        """The refusal is in the status now: who says retry gets another look."""
        self._invalid.pop(revision, None)

    def invalid(self) -> Mapping[str, str]:
        """The API server's words on each template that it refused."""
        return dict(self._invalid)

    def pods_say(self, revision: str, problem: str | None) -> None:
        """Why the pods of a revision are not Ready, as far as they tell."""
        self._pods[revision] = (problem, self._now())

    def pods_are_fresh(self, revision: str) -> bool:
        """Whether the pods were asked just now."""
        return revision in self._pods and self._now() - self._pods[revision][1] < PODS_FOR

    def pods(self) -> Mapping[str, str]:
        """Why the pods of each revision are not Ready."""
        return {revision: problem for revision, (problem, _) in self._pods.items() if problem}

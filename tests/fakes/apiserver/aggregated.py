"""APIs that the fake API server passes on to others, such as the metrics APIs: what they answer, a test says."""

from collections.abc import Callable
from typing import Any

from fakes.apiserver.calls import Call
from fakes.apiserver.refusals import Refusal

Answer = Callable[[Call], Any]


class Aggregated:
    """Who answers for a group of APIs; what they raise (`Refusal`) is what the client gets."""

    def __init__(self) -> None:
        """None at first."""
        self._served: dict[str, tuple[tuple[str, ...], Answer]] = {}

    def serve(self, group: str, answer: Answer, *versions: str) -> None:
        """Register an API; its first version is the preferred one."""
        self._served[group] = (versions or ("v1beta1",), answer)

    def remove(self, group: str) -> None:
        """Unregister it."""
        del self._served[group]

    def concerns(self, path: str) -> bool:
        """Whether a path is one of theirs."""
        return _parts(path)[:1] == ["apis"] and len(_parts(path)) > 1 and _parts(path)[1] in self._served

    def answer(self, call: Call) -> Any:
        """The group itself, or what its API says."""
        group, *rest = _parts(call.path)[1:]
        versions, answer = self._served[group]
        if not rest:
            offered = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
            return {"kind": "APIGroup", "name": group, "versions": offered, "preferredVersion": offered[0]}
        if rest[0] not in versions:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        return answer(call)


def _parts(path: str) -> list[str]:
    return path.strip("/").split("/")

"""What the API server refuses although its shape is right, as far as an operator can run into it."""

from collections import Counter
from typing import Any

from fakes.apiserver.kinds import Kind
from fakes.apiserver.refusals import Refusal


def validate(kind: Kind, item: dict[str, Any]) -> None:
    """Refuse a Service whose ports are not told apart: server-side apply merges ports by number, not by name."""
    if kind.plural != "services":
        return
    names = Counter(port.get("name", "") for port in item.get("spec", {}).get("ports") or ())
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        said = f'Service "{item["metadata"]["name"]}" is invalid: spec.ports[1].name: Duplicate value: "{twice}"'
        raise Refusal(422, "Invalid", said)

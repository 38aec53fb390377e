"""What one replica knows of the Lease: what it says, since when by this machine's clock, and what it may be made."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from serin.cluster.client import Object
from serin.cluster.resources import LEASE


class LeaseView:
    """The Lease through the eyes of one who wants it.

    Attributes:
        present: the Lease as it was last seen; None: it is not there, or must be looked at before anything is done.
        heard_at: when anything was heard of it last.
    """

    def __init__(self, namespace: str, name: str, identity: str) -> None:
        """Know nothing yet.

        Args:
            namespace: where the Lease is.
            name: its name.
            identity: what it says while it is ours.
        """
        self.present: Object | None = None
        self.heard_at = 0.0
        self._namespace, self._name, self._identity = namespace, name, identity
        self._said: Mapping[str, Any] = {}
        """What it said last; also of a Lease that is gone."""
        self._said_since = 0.0

    @property
    def holder(self) -> str:
        """Who holds it; empty if nobody does."""
        return str(((self.present or {}).get("spec") or {}).get("holderIdentity") or "")

    @property
    def ours(self) -> bool:
        """Whether it bears our name."""
        return self.holder == self._identity

    def see(self, lease: Object | None, at: float) -> None:
        """Take in what it says, or that it is gone; its time counts from when it began to say so."""
        self.present, self.heard_at = lease, at
        spec = (lease or {}).get("spec") or {}
        if lease is not None and spec != self._said:
            self._said, self._said_since = spec, at

    def free_at(self, duration: float) -> float:
        """When nobody can be leading by what was seen last, if a Lease counts for `duration` seconds.

        A Lease that was deleted by hand is not free before that either: whoever held it may not know yet.
        """
        holder = self._said.get("holderIdentity") or ""
        if holder in {"", self._identity}:
            return self._said_since
        return self._said_since + max(duration, float(self._said.get("leaseDurationSeconds") or 0))

    def claimed(self, duration: float) -> Object:
        """The Lease as it is to be while it is ours, with the present time."""
        return self._changed(self._identity, round(duration))

    def released(self) -> Object:
        """The Lease as it is to be when it is anybody's."""
        return self._changed("", 1)

    def _changed(self, holder: str, seconds: int) -> Object:
        present: Object = self.present or {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"namespace": self._namespace, "name": self._name},
        }
        spec = dict(present.get("spec") or {})
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        changes_hands = holder != self.holder
        # As client-go counts: each time that another one begins to hold it.
        begins = changes_hands and bool(holder) and self.present is not None
        spec["leaseTransitions"] = (spec.get("leaseTransitions") or 0) + begins
        if changes_hands or not spec.get("acquireTime"):
            spec["acquireTime"] = now
        spec |= {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": now}
        return {**present, "spec": spec}

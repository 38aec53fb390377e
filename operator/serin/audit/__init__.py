"""Pure: the audit log. A record for each decision, tied by its hash to the one before, and a proof that none lacks."""

from serin.audit.record import Entry, Head, Link, NotARecordError, place, read, seal
from serin.audit.verify import Finding, Kind, Proof, verify

__all__ = ["Entry", "Finding", "Head", "Kind", "Link", "NotARecordError", "Proof", "place", "read", "seal", "verify"]

"""Exact shares: whole numbers that sum to a total, largest remainder first."""

from collections.abc import Mapping


def apportion(shares: Mapping[str, int], total: int) -> dict[str, int]:
    """Divide a total among names in proportion to their shares, in whole numbers that sum to it.

    A share of 0 stays 0. Equal remainders are served in the order of the names, so that the same split always
    gives the same weights.

    Raises:
        ValueError: the shares are negative, or all 0.
    """
    whole = sum(shares.values())
    if whole <= 0 or min(shares.values()) < 0:
        raise ValueError(f"shares {dict(shares)} cannot be apportioned: write shares of at least 0, one of them more")
    parts = {name: divmod(share * total, whole) for name, share in shares.items()}
    result = {name: quotient for name, (quotient, _) in parts.items()}
    by_remainder = sorted(parts, key=lambda name: (-parts[name][1], name))
    for name in by_remainder[: total - sum(result.values())]:
        result[name] += 1
    return result

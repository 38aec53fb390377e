"""Capacity for a traffic weight, when stable is kept whole until the promotion (`Surge`)."""


def surge(replicas: int, weight: int) -> int:
    """The pods that a version needs for `weight` percent of a load that `replicas` pods carry.

    At least one pod, so that a version can be looked at before it gets traffic; none where none serve.
    """
    if replicas == 0:
        return 0
    return max(1, -(-replicas * weight // 100))

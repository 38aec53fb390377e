"""`status.capacity`: how many pods carry the traffic, where `spec.replicas` alone does not say so."""

from serin.api.base import Boolean, Model


class CapacityStatus(Model):
    """The pods that carry the whole traffic, and where they are."""

    whole: int
    """How many pods carry the whole traffic: as the autoscaler says, or what one on /scale asked for at most."""
    replicas: int | None = None
    """While an autoscaler on /scale follows stable through a rollout: spec.replicas as it left it last."""
    rebalanced: Boolean = False
    """Whether stable gave pods up for the candidate's, and does not have all of them back."""

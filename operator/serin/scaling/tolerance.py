"""How far a metric may be from its target before replicas change."""

from dataclasses import dataclass

from serin.scaling.behavior import Behavior
from serin.scaling.spec import Settings


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Shares of the target, for each direction."""

    down: float
    up: float

    def within(self, ratio: float) -> bool:
        """`(1.0 - tolDown) <= r && r <= (1.0 + tolUp)` in float64, both ends inclusive (`Tolerances.isWithin`)."""
        return (1.0 - self.down) <= ratio <= (1.0 + self.up)


def tolerances_of(behavior: Behavior | None, settings: Settings) -> Tolerances:
    """Global tolerance unless behavior.scaleDown/scaleUp.tolerance is set and gate HPAConfigurableTolerance is on."""
    down = up = settings.tolerance
    if behavior is None or not settings.configurable_tolerance:
        return Tolerances(down, up)
    if behavior.scale_down.tolerance is not None:
        down = behavior.scale_down.tolerance
    if behavior.scale_up.tolerance is not None:
        up = behavior.scale_up.tolerance
    return Tolerances(down, up)

"""The one error of the room."""


class InvalidMetricError(Exception):
    """A metric that nothing can be made of in this pass; the message is upstream's."""

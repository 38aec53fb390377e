"""How a command ends, and what it could not use.

CommandError
├── UnreadableInputError   a file that cannot be read, or is no YAML
└── UnusableInputError     what was read, or an option, cannot be worked with
"""

FINE = 0
"""Nothing was found."""
FOUND = 1
"""Problems were found; or the rollout would not be promoted."""
UNUSABLE = 2
"""The command line, a file, or what a server answered cannot be used."""


class CommandError(Exception):
    """The command cannot do its work; the message says what was found, what was expected and what to do."""


class UnreadableInputError(CommandError):
    """A file cannot be read, or is no YAML."""


class UnusableInputError(CommandError):
    """What was read, or an option, cannot be worked with."""

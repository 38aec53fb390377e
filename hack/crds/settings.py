"""The reference of the operator's settings as Markdown."""

import dataclasses

from serin.controller.settings import Settings, flag_of, variable_of

_PAGE = """\
<!-- Made from operator/serin/controller/settings.py by `make crds`: edit that. -->
# The operator's settings

`serin-operator`, or `python -m serin.controller`, reads flags and environment variables. A flag wins over its variable,
a variable over the default. A wrong setting, or a `SERIN_` variable that does not exist, stops the operator at its
start with one line that names it, says what was found and what is expected, and exit code 2.

Credentials and addresses of Prometheus are settings of the operator and never come from a ModelDeployment.

| flag | variable | default | what it is for |
|---|---|---|---|
{rows}
"""


def settings_reference() -> str:
    """One row a setting, in the order in which they are declared."""
    rows = []
    for setting in dataclasses.fields(Settings):
        default = setting.metadata["default"]
        text = setting.metadata["help"].replace("|", "\\|")
        shown = f"`{default}`" if default else "empty"
        rows.append(f"| `{flag_of(setting.name)}` | `{variable_of(setting.name)}` | {shown} | {text} |")
    return _PAGE.format(rows="\n".join(rows))

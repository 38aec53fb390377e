"""Stands before runc where control groups cannot be had, and takes out of a container what needs them.

Run as `rootless_runc.py RUNC ID_COUNT ARGUMENTS…`; ID_COUNT is `one` where a single user id exists.
"""

import json
import os
import sys
from pathlib import Path


def simplified(specification: dict, *, one_id: bool) -> dict:  # type: ignore[type-arg]
    """An OCI specification without control groups and, where a single id exists, without group 5."""
    linux = specification["linux"]
    linux.pop("cgroupsPath", None)
    linux["resources"] = {}
    if one_id:
        for mount in specification["mounts"]:
            mount["options"] = [it for it in mount.get("options", []) if it != "gid=5"]
    return specification


if __name__ == "__main__":
    runc, id_count, *arguments = sys.argv[1:]
    if "create" in arguments:
        path = Path(arguments[arguments.index("--bundle") + 1]) / "config.json"
        path.write_text(json.dumps(simplified(json.loads(path.read_text()), one_id=id_count == "one")))
    os.execv(runc, ["runc", "--rootless=true", *arguments])

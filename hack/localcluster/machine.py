"""Whether this machine can run the local cluster, and what to do if it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from localcluster.cache import cache_directory
from localcluster.errors import UnsupportedError
from localcluster.inside import HIDDEN
from localcluster.layout import clusters_directory

USE_KIND = "Use Docker and kind instead: `make kind-demo`."
TOOLS = {"unshare": "util-linux", "nsenter": "util-linux", "mount": "util-linux", "ip": "iproute2", "ldd": "libc-bin"}


def check() -> None:
    """Raise UnsupportedError, with the reason and the way out, if no cluster can run here."""
    if sys.platform != "linux":
        raise UnsupportedError(f"the local cluster is made of Linux namespaces; this is {sys.platform}. {USE_KIND}")
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            raise UnsupportedError(f"`{tool}` is missing: install the package {package}.")
    _check_directories()
    _check_namespaces()


def _check_directories() -> None:
    places = {"TMPDIR": clusters_directory(), "SERIN_CACHE": cache_directory(), "the checkout": Path(__file__)}
    for what, path in places.items():
        for hidden in HIDDEN:
            if path.resolve().is_relative_to(hidden):
                raise UnsupportedError(
                    f"{what} is {path}, but {hidden} is hidden inside the cluster: choose another place."
                )


def _check_namespaces() -> None:
    identity = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--cgroup", *identity, "--mount-proc", "true"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return
    advice = USE_KIND
    if _is_zero("/proc/sys/kernel/unprivileged_userns_clone") or _is_zero("/proc/sys/user/max_user_namespaces"):
        advice = f"User namespaces are switched off; run it as root, or as an administrator switch them on. {USE_KIND}"
    elif Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
        advice = (
            "Ubuntu restricts user namespaces by AppArmor; run it as root, or as an administrator run "
            f"`sysctl kernel.apparmor_restrict_unprivileged_userns=0`. {USE_KIND}"
        )
    raise UnsupportedError(f"namespaces cannot be made here ({result.stderr.strip()}). {advice}")


def _is_zero(path: str) -> bool:
    file = Path(path)
    return file.exists() and file.read_text().strip() == "0"

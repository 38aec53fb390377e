"""The command line: `python -m localcluster build | up | down | list | kubectl | exec | shell | kubeconfig`."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path

from localcluster.build import ensure_built
from localcluster.catalog import GROUPS
from localcluster.cluster import LocalCluster
from localcluster.errors import LocalClusterError
from localcluster.guardian import sweep
from localcluster.layout import clusters_directory


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors are one line on stderr and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except LocalClusterError as error:
        print(f"localcluster: {error}", file=sys.stderr)
        return 1


def _build(options: argparse.Namespace) -> int:
    ensure_built(options.groups or ("core",))
    return 0


def _up(options: argparse.Namespace) -> int:
    if _running(options.name):
        raise LocalClusterError(f"the cluster {options.name} is up already; `down` ends it")
    ensure_built()
    began = time.monotonic()
    cluster = LocalCluster(options.name)
    cluster.up(owned=False)
    if options.metrics_server:
        cluster.start_metrics_server()
    if options.istio:
        cluster.start_istio()
    print(f"the cluster {options.name} is up after {time.monotonic() - began:.1f} s")
    print(f"  KUBECONFIG   {cluster.kubeconfig}")
    print(f"  API server   {cluster.api_url}")
    print(f"  gateway      {cluster.gateway_url}")
    print(f"  Prometheus   {cluster.prometheus_url}")
    if options.istio:
        print(f"  Istio        {cluster.istio_gateway_url}")
    return 0


def _down(options: argparse.Namespace) -> int:
    found = _running(options.name)
    for root in found:
        LocalCluster.attach(root).down()
    sweep()
    print(f"the cluster {options.name} is down" if found else f"no cluster {options.name} is up")
    return 0


def _list(_: argparse.Namespace) -> int:
    sweep()
    for root in _running("*"):
        cluster = LocalCluster.attach(root)
        died = [status.name for status in cluster.control.statuses().values() if status.died]
        health = f"died: {', '.join(died)}" if died else "whole"
        print(f"{cluster.name}\t{cluster.kubeconfig}\t{health}")
    return 0


def _kubectl(options: argparse.Namespace) -> int:
    kubectl = str(ensure_built()["kubectl"])
    os.execv(kubectl, [kubectl, f"--kubeconfig={attached(options.name).kubeconfig}", *_words(options)])


def _exec(options: argparse.Namespace) -> int:
    cluster = attached(options.name)
    os.environ["KUBECONFIG"] = str(cluster.layout.kubeconfigs / "admin")
    os.environ["PATH"] = f"{ensure_built().search_path()}:{os.environ['PATH']}"
    command = cluster.inside_command(_words(options) or [os.environ.get("SHELL", "/bin/sh")])
    os.execvp(command[0], command)


def _kubeconfig(options: argparse.Namespace) -> int:
    print(attached(options.name).kubeconfig)
    return 0


def _words(options: argparse.Namespace) -> list[str]:
    """The words behind `--`, which may be left out."""
    words: list[str] = options.arguments
    return words[1:] if words[:1] == ["--"] else words


def attached(name: str) -> LocalCluster:
    """The cluster of that name, if it is up."""
    found = _running(name)
    if not found:
        raise LocalClusterError(f"no cluster {name} is up; `up` starts it")
    return LocalCluster.attach(found[0])


def _running(name: str) -> list[Path]:
    return sorted(path.parent for path in clusters_directory().glob(f"{name}-??????/facts.json"))


def default_name() -> str:
    """One name for each checkout, so that each has a cluster of its own."""
    checkout = Path(__file__).resolve().parents[2]
    return f"{checkout.name}-{hashlib.sha256(str(checkout).encode()).hexdigest()[:6]}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localcluster", description="A Kubernetes cluster without Docker.")
    parser.add_argument("--name", default=default_name(), help="which cluster (one for each checkout by default)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for run, name, text in (
        (_down, "down", "end it and remove every trace"),
        (_list, "list", "the clusters that are up"),
        (_kubeconfig, "kubeconfig", "print the path of its kubeconfig"),
    ):
        commands.add_parser(name, help=text).set_defaults(run=run)
    up = commands.add_parser("up", help="start a cluster that lives until `down`")
    up.add_argument("--metrics-server", action="store_true", help="with metrics-server, built at its first use")
    up.add_argument("--istio", action="store_true", help="with istiod and its gateway, built at its first use")
    up.set_defaults(run=_up)
    build = commands.add_parser("build", help="build the programs into the cache")
    build.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {GROUPS}; core unless told otherwise")
    build.set_defaults(run=_build)
    for run, name, text in (
        (_kubectl, "kubectl", "run kubectl as the administrator: `kubectl -- get pods`"),
        (_exec, "exec", "run a command inside the cluster's namespaces: `exec -- COMMAND`, a shell without one"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("arguments", nargs=argparse.REMAINDER)
        command.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""`serin explain`: why a rollout is where it is, why a version has its pods, and who gets which requests."""

import argparse

from serin.cli.arguments import Subparsers, add_command, add_output
from serin.cli.explain_rollout import rollout_as_json, rollout_as_text
from serin.cli.explain_scaling import scaling_as_json, scaling_as_text
from serin.cli.explain_traffic import traffic_as_json, traffic_as_text
from serin.cli.output import say, say_json
from serin.cli.problems import FINE, UnusableInputError
from serin.cli.stored import Stored, from_cluster, from_files, key_in
from serin.cli.stored_route import route_in_cluster, route_in_files
from serin.cluster.connect import DEFAULT_NAMESPACE, current_namespace

DESCRIPTION = """\
Say why a rollout is where it is: its versions, its step, what the analysis says of each metric, and
what stands in the way.

With --scaling, say why each version has the pods that it has, metric by metric: what it is, what it
shall be, their RATIO, the pods that it PROPOSES, and why not others: a tolerance, a stabilization
and until when, a policy, the minimum or the maximum; and the weight that it is being prepared for.

With --traffic, say who gets which requests: the route that carries them and whether its proxy has
accepted it, the weights that are WANTED and those that are WRITTEN, the rules beside them (previews,
copies, users who stay with a version), and the share that was counted.

The ModelDeployment, and for --traffic its route, are read from the cluster of the kubeconfig, or with
-f from files, as kubectl get -o yaml writes them. Nothing is measured anew: this is what the operator
last wrote down."""
CODES = """\
  0  explained
  2  the command line cannot be used, or there is no such ModelDeployment"""


def register(commands: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "explain",
        about="say why a rollout, its pods or its traffic are as they are",
        description=DESCRIPTION,
        codes=CODES,
    )
    parser.add_argument(
        "name",
        nargs="?",
        metavar="[NAMESPACE/]NAME",
        help="the ModelDeployment. With -f and one object, not needed",
    )
    parser.add_argument(
        "-n",
        "--namespace",
        metavar="NAMESPACE",
        help="the namespace of a NAME alone (default: that of the kubeconfig's current context, else default)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--scaling", action="store_true", help="explain the pods of each version")
    what.add_argument("--traffic", action="store_true", help="explain who gets which requests")
    parser.add_argument(
        "-f",
        "--filename",
        dest="files",
        action="append",
        metavar="FILE",
        help="read it from a file, - for standard input, in place of the cluster",
    )
    parser.add_argument(
        "--kubeconfig",
        default="",
        metavar="FILE",
        help="how to reach the cluster (default: KUBECONFIG, else the pod's service account, else ~/.kube/config)",
    )
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read it, and explain it."""
    found = _read(options)
    if options.traffic:
        route = route_in_files(found, options.files) if options.files else route_in_cluster(found, options.kubeconfig)
        if options.output == "json":
            say_json(traffic_as_json(found, route))
        else:
            say(traffic_as_text(found, route))
    elif options.output == "json":
        say_json(scaling_as_json(found) if options.scaling else rollout_as_json(found))
    else:
        say(scaling_as_text(found) if options.scaling else rollout_as_text(found))
    return FINE


def _read(options: argparse.Namespace) -> Stored:
    if options.files:
        key = None if options.name is None else key_in(options.name, options.namespace or DEFAULT_NAMESPACE)
        return from_files(options.files, key)
    if options.name is None:
        raise UnusableInputError("which ModelDeployment? Write NAMESPACE/NAME, or -f FILE to read it from a file")
    key = key_in(options.name, options.namespace or current_namespace(options.kubeconfig))
    return from_cluster(key, options.kubeconfig)

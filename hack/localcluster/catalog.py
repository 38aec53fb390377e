"""The programs and files that make up the cluster, and where each comes from.

Go modules are pinned by `programs/<module>/go.mod` and checked by its `go.sum`; Envoy is a wheel
pinned by hash. Versions are written there and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROGRAMS_DIRECTORY = Path(__file__).parent / "programs"
KUBERNETES_VERSION = "1.37.2"
ISTIO_VERSION = "1.31.0"
"""The release whose commit `programs/istio/go.mod` names: Istio's modules bear no tags."""
STRIP = "-s -w"


@dataclass(frozen=True)
class GoProgram:
    """One program built from a Go module."""

    name: str
    module: str
    """Directory below `programs/` whose go.mod and go.sum pin it."""
    package: str
    group: str = "core"
    """`core` is what every cluster needs; other groups are built on demand."""
    tags: str = ""
    linker_flags: str = STRIP
    seccomp: bool = False
    """Built with a C compiler against libseccomp, statically."""


@dataclass(frozen=True)
class ModuleFiles:
    """Files copied out of a Go module, for example CustomResourceDefinitions."""

    name: str
    module: str
    module_path: str
    patterns: tuple[str, ...]
    """Globs below the module's root."""
    group: str = "core"


def _kubernetes_flags() -> str:
    major, minor, _ = KUBERNETES_VERSION.split(".")
    facts = {
        "gitVersion": f"v{KUBERNETES_VERSION}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
    }
    return " ".join([STRIP, *(f"-X k8s.io/component-base/version.{key}={value}" for key, value in facts.items())])


def _kubernetes(name: str) -> GoProgram:
    return GoProgram(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", linker_flags=_kubernetes_flags())


def _containerd(name: str) -> GoProgram:
    return GoProgram(name, "containerd", f"github.com/containerd/containerd/v2/cmd/{name}")


def _cni(kind: str, name: str) -> GoProgram:
    return GoProgram(name, "cni", f"github.com/containernetworking/plugins/plugins/{kind}/{name}")


# Prometheus has a discovery for every cloud; without these tags it takes nine minutes to build.
PROMETHEUS_TAGS = "remove_all_sd,enable_kubernetes_sd,enable_file_sd,enable_http_sd,netgo"

GO_PROGRAMS = (
    GoProgram("relay", "helpers", "./relay"),
    GoProgram("pause", "helpers", "./pause"),
    GoProgram("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kubelet"),
    _kubernetes("kube-proxy"),
    _kubernetes("kubectl"),
    _containerd("containerd"),
    _containerd("containerd-shim-runc-v2"),
    _containerd("ctr"),
    GoProgram(
        "runc",
        "runc",
        "github.com/opencontainers/runc",
        tags="seccomp,netgo,osusergo",
        linker_flags=f"{STRIP} -extldflags=-static",
        seccomp=True,
    ),
    _cni("main", "ptp"),
    _cni("main", "loopback"),
    _cni("ipam", "host-local"),
    GoProgram("contour", "contour", "github.com/projectcontour/contour/cmd/contour"),
    GoProgram("prometheus", "prometheus", "github.com/prometheus/prometheus/cmd/prometheus", tags=PROMETHEUS_TAGS),
    GoProgram("coredns", "coredns", "."),
    GoProgram("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", group="kwok"),
    GoProgram(
        "metrics-server", "metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server", group="metrics-server"
    ),
    GoProgram("kind", "kind", "sigs.k8s.io/kind", group="kind"),
    GoProgram(
        "istiod",
        "istio",
        "istio.io/istio/pilot/cmd/pilot-discovery",
        linker_flags=f"{STRIP} -X istio.io/istio/pkg/version.buildVersion={ISTIO_VERSION}",
        group="istio",
    ),
    # A module of its own, though it is Kubernetes too: who changes it does not want the control plane built anew.
    GoProgram("hpa", "hpa", ".", group="hpa"),
)

MODULE_FILES = (
    ModuleFiles("gateway-api-crds", "gateway-api", "sigs.k8s.io/gateway-api", ("config/crd/standard/*.yaml",)),
    ModuleFiles("contour-crds", "contour", "github.com/projectcontour/contour", ("examples/contour/01-crds.yaml",)),
    ModuleFiles(
        "contour-role", "contour", "github.com/projectcontour/contour", ("examples/contour/02-role-contour.yaml",)
    ),
    ModuleFiles("kwok-role", "kwok", "sigs.k8s.io/kwok", ("kustomize/rbac/role.yaml",), group="kwok"),
    ModuleFiles(
        "kwok-stages",
        "kwok",
        "sigs.k8s.io/kwok",
        (
            "kustomize/stage/node/fast/node-*.yaml",
            "kustomize/stage/node/heartbeat-with-lease/node-*.yaml",
            "kustomize/stage/pod/fast/pod-*.yaml",
        ),
        group="kwok",
    ),
    ModuleFiles(
        "metrics-server-role",
        "metrics-server",
        "sigs.k8s.io/metrics-server",
        ("manifests/base/rbac.yaml",),
        group="metrics-server",
    ),
    ModuleFiles(
        "istio-crds", "istio", "istio.io/api", ("kubernetes/customresourcedefinitions.gen.yaml",), group="istio"
    ),
)

GROUPS = ("core", "kwok", "kind", "hpa", "metrics-server", "istio")

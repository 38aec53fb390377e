"""How to reach the API server: a kubeconfig, or the service account of the pod that Serin runs in."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, list_kube_config_contexts, load_kube_config

from serin.cluster.errors import ConnectionSettingsError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_PERIOD_SECONDS = 60.0
DEFAULT_NAMESPACE = "default"


class TokenFile:
    """A service account token: it lives for about an hour, and the kubelet replaces the file well before."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Remember where the token is; it is read at the first request."""
        self._path = path
        self._monotonic = monotonic
        self._read_at: float | None = None

    def __call__(self, configuration: Configuration) -> None:
        """Put a token that is at most a minute old into the configuration; called before each request."""
        now = self._monotonic()
        if self._read_at is not None and now - self._read_at < TOKEN_PERIOD_SECONDS:
            return
        try:
            token = self._path.read_text(encoding="ascii").strip()
        except OSError as error:
            if self._read_at is not None:
                return  # the kubelet is just replacing it; the old one is still good
            raise ConnectionSettingsError(f"cannot read the service account token: {error}") from error
        configuration.api_key["BearerToken"] = f"Bearer {token}"
        self._read_at = now


async def load_configuration(
    kubeconfig: str = "",
    *,
    environment: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> Configuration:
    """Find the API server.

    The given kubeconfig, else `KUBECONFIG`, else the pod's service account, else `~/.kube/config`.

    Raises:
        ConnectionSettingsError: none of them is usable.
    """
    if kubeconfig:
        return await _from_kubeconfig(kubeconfig, origin="--kubeconfig / SERIN_KUBECONFIG")
    if environment.get("KUBECONFIG"):
        return await _from_kubeconfig(environment["KUBECONFIG"], origin="KUBECONFIG")
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return _from_service_account(environment, service_account)
    home = Path(environment.get("HOME", "/")) / ".kube" / "config"
    if home.is_file():
        return await _from_kubeconfig(str(home), origin="the default")
    raise ConnectionSettingsError(
        "no cluster to connect to: pass --kubeconfig, set KUBECONFIG, or run Serin in a pod with a "
        f"service account (looked for KUBERNETES_SERVICE_HOST and {home})"
    )


def current_namespace(kubeconfig: str = "", *, environment: Mapping[str, str] = os.environ) -> str:
    """The namespace of the kubeconfig's current context, as kubectl takes it; `default` where none is named."""
    paths = kubeconfig or environment.get("KUBECONFIG") or str(Path(environment.get("HOME", "/")) / ".kube" / "config")
    files = [path for path in paths.split(os.pathsep) if path and Path(path).expanduser().is_file()]
    try:
        _, context = list_kube_config_contexts(os.pathsep.join(files)) if files else (None, {})
    except (ConfigException, yaml.YAMLError, OSError, TypeError, KeyError, AttributeError):
        return DEFAULT_NAMESPACE  # what is wrong with it is told by who connects
    namespace = ((context or {}).get("context") or {}).get("namespace")
    return str(namespace) if namespace else DEFAULT_NAMESPACE


async def _from_kubeconfig(paths: str, *, origin: str) -> Configuration:
    # A KUBECONFIG may name several files; those that are missing are skipped, as kubectl does.
    files = [path for path in paths.split(os.pathsep) if path and Path(path).expanduser().is_file()]  # noqa: ASYNC240 - once, at start
    if not files:
        raise ConnectionSettingsError(f"the kubeconfig {paths!r} ({origin}) does not exist")
    configuration = Configuration()
    try:
        loader = await load_kube_config(
            config_file=os.pathsep.join(files), client_configuration=configuration, persist_config=False
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ConnectionSettingsError(
            f"the kubeconfig {paths!r} ({origin}) cannot be used: it is no kubeconfig"
        ) from error
    except (ConfigException, yaml.YAMLError, OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise ConnectionSettingsError(f"the kubeconfig {paths!r} ({origin}) cannot be used: {said}") from error
    if hasattr(loader, "exec_plugin_expiry"):

        async def refresh(target: Configuration) -> None:
            # Asks the plugin only when its last token is about to expire.
            await loader.load_from_exec_plugin()
            target.api_key["BearerToken"] = loader.token

        configuration.refresh_api_key_hook = refresh
    return configuration


def _from_service_account(environment: Mapping[str, str], folder: Path) -> Configuration:
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT") or "443"
    authority, token = folder / "ca.crt", folder / "token"
    for path in (authority, token):
        if not path.is_file():
            raise ConnectionSettingsError(
                f"this pod has no {path}: give it a service account (automountServiceAccountToken: true)"
            )
    configuration = Configuration(
        host=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ssl_ca_cert=str(authority),
    )
    configuration.refresh_api_key_hook = TokenFile(token)
    # The hook is only called when a key is there already.
    configuration.refresh_api_key_hook(configuration)
    return configuration

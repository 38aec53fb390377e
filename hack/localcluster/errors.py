"""What can go wrong with the local cluster.

LocalClusterError
├── UnsupportedError     this machine cannot run it: the message says why and what to use instead
├── BuildError           a program could not be built or fetched
├── StartError           a component did not become ready
├── ComponentDiedError   a component ended although nobody stopped it
└── KubectlError         kubectl ended with an error
"""

from __future__ import annotations


class LocalClusterError(Exception):
    """Whatever the local cluster reports; the message says what to do."""


class UnsupportedError(LocalClusterError):
    """This machine cannot run the local cluster."""


class BuildError(LocalClusterError):
    """A program of the cluster could not be built or fetched."""


class StartError(LocalClusterError):
    """A component did not become ready in time."""


class ComponentDiedError(LocalClusterError):
    """A component ended by itself; the message carries the tail of its log."""


class KubectlError(LocalClusterError):
    """kubectl ended with an error; the message is what it wrote."""

"""Kubernetes: the client, what is watched, what is written back."""

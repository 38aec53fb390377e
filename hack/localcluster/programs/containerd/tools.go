//go:build tools

// Package tools pins containerd of the local cluster.
package tools

import _ "github.com/containerd/containerd/v2/cmd/containerd"

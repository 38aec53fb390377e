//go:build tools

// Package tools pins runc of the local cluster.
package tools

import (
	_ "github.com/opencontainers/runc"
)

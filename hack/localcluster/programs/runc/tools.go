//go:build tools

// Package tools pins runc, which starts containers.
package tools

import _ "github.com/opencontainers/runc"

//go:build tools

// Package tools pins prometheus of the local cluster.
package tools

import _ "github.com/prometheus/prometheus/cmd/prometheus"

//go:build tools

// Package tools pins Prometheus.
package tools

import _ "github.com/prometheus/prometheus/cmd/prometheus"

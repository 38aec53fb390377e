//go:build tools

// Package tools pins kind of the local cluster.
package tools

import _ "sigs.k8s.io/kind"

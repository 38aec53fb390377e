//go:build tools

// Package tools pins contour of the local cluster.
package tools

import _ "github.com/projectcontour/contour/cmd/contour"

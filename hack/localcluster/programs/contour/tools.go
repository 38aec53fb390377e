//go:build tools

// Package tools pins Contour, which programs the gateway, and its CustomResourceDefinitions.
package tools

import _ "github.com/projectcontour/contour/cmd/contour"

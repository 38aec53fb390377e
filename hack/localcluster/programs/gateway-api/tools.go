//go:build tools

// Package tools pins the CustomResourceDefinitions of the Gateway API.
package tools

import _ "sigs.k8s.io/gateway-api/apis/v1"

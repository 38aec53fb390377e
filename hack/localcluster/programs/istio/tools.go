//go:build tools

// Package tools pins istiod, which turns the objects of Istio and of the Gateway API into the configuration of Envoys.
package tools

import _ "istio.io/istio/pilot/cmd/pilot-discovery"

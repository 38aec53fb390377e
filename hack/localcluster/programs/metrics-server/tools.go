//go:build tools

// Package tools pins metrics-server, which serves what the pods of a cluster use now.
package tools

import _ "sigs.k8s.io/metrics-server/cmd/metrics-server"

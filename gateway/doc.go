// Package gateway is one OpenAI-compatible address over all deployments. It knows
// from the nodes themselves which replicas are well, sends each request where it
// costs least, and never tells a client that a broken answer is a whole one.
//
//	request ─► route known? ─► key ─► body, scanned ─► name ─► limits ─► replica ─► answer ─► settled
//	           surface.go      keys   body.go, scan/   names.go limit    route/     forward.go, stream.go
//
// What it must be told comes in by three setters, and is kept when nobody tells
// more: SetTargets (endpoints as nodes broadcast them), SetDeployments (names
// and phases, from control) and SetAccess (keys and aliases, from the store).
package gateway

package temporal

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// OldestServer is the oldest Temporal that the scenarios have run against.
const OldestServer = "1.27"

// ServerVersion asks the server for its version, "1.32.1"; a hosted one may not tell.
func ServerVersion(ctx context.Context, t client.Client) (string, error) {
	info, err := t.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return "", fmt.Errorf("ask Temporal for its version: %w", err)
	}
	return info.GetServerVersion(), nil
}

// Lack is something that a server cannot do, and what that costs.
type Lack struct {
	What, Cost string
	Needed     bool // nothing works without it
}

// Lacks tells what a server of this version lacks for us in this namespace.
func (n Namespace) Lacks(version string) []Lack {
	var all []Lack
	if older(version, OldestServer) {
		all = append(all, Lack{What: "it is older than " + OldestServer, Cost: "nobody has tried it"})
	}
	if !n.can.GetSyncUpdate() || !n.can.GetAsyncUpdate() {
		all = append(all, Lack{What: "workflow updates", Cost: "no deployment can be made or changed", Needed: true})
	}
	if !n.can.GetPollerAutoscaling() {
		all = append(all, Lack{What: "poller autoscaling", Cost: "steps that come to a node at once begin one after the other"})
	}
	return all
}

// older compares versions by their first two numbers; what is no version is not older.
func older(version, than string) bool {
	major, minor, ok := numbers(version)
	thanMajor, thanMinor, _ := numbers(than)
	return ok && (major < thanMajor || major == thanMajor && minor < thanMinor)
}

func numbers(version string) (major, minor int, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return 0, 0, false
	}
	minor, err = strconv.Atoi(parts[1])
	return major, minor, err == nil
}

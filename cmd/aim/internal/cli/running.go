package cli

import (
	"context"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
)

// Running reads what the long steps of a replica's workflow say in their
// heartbeats. It is a kindness: where it cannot be read there is none.
func Running(ctx context.Context, c client.Client, replica string) []aim.Progress {
	ctx, cancel := context.WithTimeout(ctx, AskTimeout)
	defer cancel()
	d, err := c.DescribeWorkflowExecution(ctx, replica, "")
	if err != nil {
		return nil
	}
	var all []aim.Progress
	for _, p := range d.PendingActivities {
		var progress aim.Progress
		if p.HeartbeatDetails == nil || converter.GetDefaultDataConverter().FromPayloads(p.HeartbeatDetails, &progress) != nil {
			continue
		}
		all = append(all, progress)
	}
	return all
}

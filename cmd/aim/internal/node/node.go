// Package node has the commands that look at nodes and change what is theirs to
// keep, and the node agent itself.
package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/workflows"
)

func New(a *cli.App) *cobra.Command {
	return cli.Group("node", "Look at nodes, label them, and take them out of placement", "  aim node list",
		newList(a), newShow(a), newCordon(a), newUncordon(a), newDrain(a), newLabel(a), newClear(a), newRun(a))
}

// setNodeWithin is how long a node may take to take up a change: it writes one
// small file.
const setNodeWithin = 10 * time.Second

// setNode changes a node's own state by one activity on its queue, so that the
// change is in Temporal's records like every other write. Programs get the state
// after it.
func setNode(ctx context.Context, a *cli.App, id string, request activities.SetNodeRequest) error {
	if _, err := a.Node(ctx, id); err != nil {
		return err
	}
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	var result activities.SetNodeResult
	handle, err := c.ExecuteActivity(ctx, client.StartActivityOptions{
		ID:                     fmt.Sprintf("set-node/%s/%d", id, a.Now().UnixNano()),
		TaskQueue:              activities.NodeQueue(id),
		ScheduleToCloseTimeout: setNodeWithin,
		Summary:                "change the settings of node " + id,
	}, activities.SetNode, request)
	if err == nil {
		err = handle.Get(ctx, &result)
	}
	if err == nil && a.Programs() {
		return display.Data(a.Out, a.Format, result.State)
	}
	return explainSetNode(id, err)
}

// explainSetNode: nobody has taken the order up, or the node has refused it.
func explainSetNode(id string, err error) error {
	var timeout *temporal.TimeoutError
	switch {
	case err == nil:
		return nil
	case workflows.CarriedFailure(err) != nil:
		return workflows.CarriedFailure(err)
	case errors.As(err, &timeout) && timeout.TimeoutType() != enums.TIMEOUT_TYPE_START_TO_CLOSE:
		return cli.Next(aim.Failf(aim.ClassNodeLost, "node %s has not taken up the change within %s", id, setNodeWithin), "aim node show %s", id)
	}
	return cli.Next(cli.Failed("change node %s: %v", id, cli.ShortCause(err)), "aim doctor")
}

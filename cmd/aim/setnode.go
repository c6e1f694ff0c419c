package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/workflows"
)

// setNodeWithin is how long a node may take to take up a change: it writes one
// small file.
const setNodeWithin = 10 * time.Second

// setNode changes a node's own state by one activity on its queue, so that the
// change is in Temporal's records like every other write.
func (a *app) setNode(ctx context.Context, id string, request activities.SetNodeRequest) error {
	if _, err := a.node(ctx, id); err != nil {
		return err
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	handle, err := c.ExecuteActivity(ctx, client.StartActivityOptions{
		ID:                     fmt.Sprintf("set-node/%s/%d", id, a.now().UnixNano()),
		TaskQueue:              activities.NodeQueue(id),
		ScheduleToCloseTimeout: setNodeWithin,
		Summary:                "change the settings of node " + id,
	}, activities.SetNode, request)
	if err == nil {
		err = handle.Get(ctx, nil)
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
		return next(aim.Failf(aim.ClassNodeLost, "node %s has not taken up the change within %s", id, setNodeWithin), "aim node show %s", id)
	}
	return next(failed("change node %s: %v", id, shortCause(err)), "aim doctor")
}

package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/deployment"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/workflows"
)

// execution is one run of one workflow.
type execution struct{ id, run string }

// who is what people call the workflow: "qwen3-32b", or "qwen3-32b/0".
func (e execution) who() string {
	name, ordinal, replica := strings.Cut(e.id, "/r")
	if !replica {
		return name
	}
	return name + "/" + ordinal
}

// firstRun finds where the history of the deployment of this name begins.
func firstRun(ctx context.Context, c client.Client, name string) (execution, error) {
	if !aim.IsLabel(name) {
		return execution{}, deployment.Missing(ctx, c, name)
	}
	d, err := c.DescribeWorkflowExecution(ctx, workflows.DeploymentID(name), "")
	var notFound *serviceerror.NotFound
	switch {
	case errors.As(err, &notFound):
		return execution{}, deployment.Missing(ctx, c, name)
	case err != nil:
		return execution{}, cli.Next(cli.Failed("look up deployment %s: %v", name, cli.ShortCause(err)), "aim doctor")
	case d.WorkflowExecutionInfo.Type.GetName() != workflows.TypeDeployment:
		return execution{}, deployment.Missing(ctx, c, name)
	}
	return execution{id: name, run: d.WorkflowExecutionInfo.FirstRunId}, nil
}

// readHistory reads one run from its start.
func readHistory(ctx context.Context, c client.Client, e execution) ([]*historypb.HistoryEvent, error) {
	var all []*historypb.HistoryEvent
	pages := c.GetWorkflowHistory(ctx, e.id, e.run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for pages.HasNext() {
		event, err := pages.Next()
		if err != nil {
			return nil, err
		}
		all = append(all, event)
	}
	return all, nil
}

// sortEvents orders by time; what happened at one time stays in the order of
// its workflow, the deployment before its replicas.
func sortEvents(all []display.Event) {
	slices.SortStableFunc(all, func(a, b display.Event) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Who, b.Who))
	})
}

// tale is one workflow run in our words.
type tale struct {
	events []display.Event
	follow []execution // runs whose history belongs to the story
	ended  bool        // the workflow has closed
}

// narrator turns Temporal's events into ours. What an activity was asked is in
// an earlier event than how it ended, so it remembers.
type narrator struct {
	execution
	tale
	wish  aim.DeploymentSpec // the last one told
	asked map[int64]*historypb.ActivityTaskScheduledEventAttributes
}

// narrate tells one run. It asks nobody and reads no clock.
func narrate(e execution, history []*historypb.HistoryEvent) tale {
	n := narrator{execution: e, asked: map[int64]*historypb.ActivityTaskScheduledEventAttributes{}}
	for _, event := range history {
		n.hear(event)
	}
	return n.tale
}

// say adds one event.
func (n *narrator) say(e *historypb.HistoryEvent, bad bool, format string, args ...any) {
	n.events = append(n.events, display.Event{
		Time: e.EventTime.AsTime(), Who: n.who(), Text: fmt.Sprintf(format, args...), Bad: bad,
		ID: fmt.Sprintf("%s.%d", n.run, e.EventId),
	})
}

// hear tells what an event means. Events that are only Temporal's bookkeeping
// are passed over.
func (n *narrator) hear(e *historypb.HistoryEvent) {
	switch e.EventType {
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		n.started(e)
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
		n.updated(e)
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
		n.signaled(e)
	case enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
		child := e.GetChildWorkflowExecutionStartedEventAttributes().WorkflowExecution
		n.follow = append(n.follow, execution{child.WorkflowId, child.RunId})
	case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		n.asked[e.EventId] = e.GetActivityTaskScheduledEventAttributes()
	case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
		n.completed(e)
	case enums.EVENT_TYPE_ACTIVITY_TASK_FAILED:
		n.failed(e)
	case enums.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
		a := e.GetActivityTaskTimedOutEventAttributes()
		n.say(e, true, "%s timed out: %s", n.activity(a.ScheduledEventId), timeoutText(a.Failure))
	case enums.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
		n.say(e, false, "%s was called off", n.activity(e.GetActivityTaskCanceledEventAttributes().ScheduledEventId))
	default:
		n.close(e)
	}
}

// close tells the end of a run; other events are Temporal's own business.
func (n *narrator) close(e *historypb.HistoryEvent) {
	switch e.EventType {
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
		n.follow = append(n.follow, execution{n.id, e.GetWorkflowExecutionContinuedAsNewEventAttributes().NewExecutionRunId})
		return
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
		n.say(e, false, "ended: %s", lastReason(e.GetWorkflowExecutionCompletedEventAttributes().Result))
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
		n.say(e, true, "failed: %s", failureText(e.GetWorkflowExecutionFailedEventAttributes().Failure))
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
		n.say(e, false, "asked to cancel")
		return
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
		n.say(e, false, "cancelled")
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
		n.say(e, true, "terminated: %s", e.GetWorkflowExecutionTerminatedEventAttributes().Reason)
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
		n.say(e, true, "timed out")
	default:
		return
	}
	n.ended = true
}

package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim/activities"
)

// Numbers that several policies share.
const (
	// away is how long a node may be silent before a step on it is given up.
	// Restarting or upgrading an agent takes seconds; rebooting one of these
	// machines takes minutes. Nothing is moved before.
	away = 5 * time.Minute
	// beat is the heartbeat timeout of long steps: they are taken up again this
	// long after the last beat of a process that was killed, if it has not come back
	// and taken them up itself before.
	beat = 10 * time.Second
	// forever bounds activities that only end for a reason of their own.
	forever = 10 * 365 * 24 * time.Hour
)

// steady retries at a constant pace and never gives up: the activity's own
// timeouts and typed failures end it.
var steady = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1}

// brisk retries short control steps; nothing else can be done meanwhile.
var brisk = &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second}

// few retries what a second try may mend, and then hands the failure to the
// ladder.
var few = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumAttempts: 3}

// policies is the one table of timeouts and retries. Failures with a class are
// not retried by Temporal but decided about in decide.go, so retries here are
// for lost processes and unclassed errors.
var policies = map[string]workflow.ActivityOptions{
	// Over the catalogue and the fleet in memory; slow only when recipes lie on a network disk, or when nodes
	// have to be asked about a model that no recipe runs (up to 20 s).
	activities.SelectRecipes: {StartToCloseTimeout: 30 * time.Second, RetryPolicy: brisk},
	// One query of the Deployment.
	activities.ReadVersion: {StartToCloseTimeout: 20 * time.Second, RetryPolicy: brisk},
	// In memory. A longer run means a dead worker.
	activities.Place: {StartToCloseTimeout: 10 * time.Second, RetryPolicy: brisk},
	// Waits for capacity, however long; heartbeats the reason. A dead leader is replaced after one beat.
	activities.AwaitTurn: {StartToCloseTimeout: forever, HeartbeatTimeout: beat, RetryPolicy: steady},
	// Answers when something has changed, within a minute.
	activities.ViewNode: {StartToCloseTimeout: 90 * time.Second, RetryPolicy: brisk},
	// One update of a Deployment, which answers at once.
	activities.MoveReplica: {StartToCloseTimeout: 40 * time.Second, RetryPolicy: brisk},
	// Held for the life of a control process. 5 s decide how long the waiting order stands still when it dies.
	activities.Lead: {StartToCloseTimeout: forever, HeartbeatTimeout: 5 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 1}},

	// Reads a few hundred small files and syncs one: milliseconds. 5 s cover a busy disk. One that is cancelled
	// is waited for: it must not write after the release that follows.
	activities.Claim: {ScheduleToStartTimeout: away, StartToCloseTimeout: 5 * time.Second, RetryPolicy: few, WaitForCancellation: true},
	// Tens of GB over a slow registry: hours. Progress heartbeats.
	activities.PullImage: {ScheduleToStartTimeout: away, StartToCloseTimeout: 6 * time.Hour, HeartbeatTimeout: beat, RetryPolicy: few},
	// Up to 1.5 TB: a day. Progress heartbeats, and a retry resumes.
	activities.FetchModel: {ScheduleToStartTimeout: away, StartToCloseTimeout: 24 * time.Hour, HeartbeatTimeout: beat, RetryPolicy: few},
	// Docker creates and starts in seconds; under load in tens of them.
	activities.Start: {ScheduleToStartTimeout: away, StartToCloseTimeout: 5 * time.Minute, HeartbeatTimeout: beat, RetryPolicy: few},
	// The activity itself ends when progress stops; loading may take an hour.
	activities.AwaitReady: {ScheduleToStartTimeout: away, StartToCloseTimeout: 6 * time.Hour, HeartbeatTimeout: beat, RetryPolicy: steady},
	// One activity for as long as all is well. An agent that starts again takes the step up at once; this is for
	// one that does not come back. That a node has fallen silent NATS tells within a second, so Temporal's beat
	// need not be fast: one a minute, for a hosted Temporal counts each as an action.
	activities.Watch: {ScheduleToStartTimeout: away, StartToCloseTimeout: forever, HeartbeatTimeout: 75 * time.Second, RetryPolicy: steady},
	// Draining takes up to the grace, seeing memory free up to a minute. A node that does not take
	// the order within a minute is left to its own ownership rule.
	activities.Stop: {ScheduleToStartTimeout: time.Minute, StartToCloseTimeout: 10 * time.Minute, HeartbeatTimeout: beat, RetryPolicy: steady},
	// One write and sync; who asks looks at the node again before another try.
	activities.SetNode: {ScheduleToStartTimeout: 20 * time.Second, StartToCloseTimeout: 5 * time.Second, RetryPolicy: few},
	// One write and sync.
	activities.Release: {ScheduleToStartTimeout: time.Minute, StartToCloseTimeout: 5 * time.Second, RetryPolicy: steady},
}

// on sets up ctx for one activity: its policy, its queue ("" for the
// workflow's own) and the sentence that the Temporal UI shows for it.
func on(ctx workflow.Context, activity, queue, summary string) workflow.Context {
	opts := policies[activity]
	opts.TaskQueue = queue
	opts.Summary = summary
	return workflow.WithActivityOptions(ctx, opts)
}

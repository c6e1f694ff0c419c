package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/workflows"
)

// TestRecordHistories plays the stories on the real stack whose histories
// workflows/replay_test.go replays, and writes them into a folder:
//
//	AIM_RECORD_HISTORIES=$PWD/workflows/testdata/replay go test ./internal/e2e -run TestRecordHistories
//
// A saved history stands for the deployments that run while AIM Engine is
// upgraded: afterwards, go test ./workflows -run TestHistoriesAreOutlined -outline
// writes down what each of them tells, for people to review. Replace one only when its story has changed, never to make a replay
// pass. Most stories are left in the middle, as an upgrade would find them.
func TestRecordHistories(t *testing.T) {
	dir := os.Getenv("AIM_RECORD_HISTORIES")
	if dir == "" {
		t.Skip("AIM_RECORD_HISTORIES does not name the folder to record into")
	}
	for _, story := range []struct {
		name string
		play func(*testing.T, context.Context, *stack.Stack, string)
		ids  func(name string) []string // whose histories are kept
	}{
		{"serves", playServes, both},
		{"falls-back", playFallsBack, replicaOnly},
		{"fails", playFails, both},
		{"refused", playRefused, replicaOnly},
		{"changes", playChanges, both},
		{"keeps", playKeeps, deploymentOnly},
		{"restarts", playRestarts, deploymentOnly},
		{"returns", playReturns, deploymentOnly},
		{"fetches", playFetches, func(string) []string { return []string{"fetches"} }},
		{"drains", playDrains, func(string) []string { return []string{workflows.DrainID("n1")} }},
		{"scales", playScales, deploymentOnly},
		{"moves", playMoves, func(name string) []string {
			return []string{workflows.DeploymentID(name), workflows.ReplicaID(name, 1)}
		}},
		{"rolls-back", playRollsBack, deploymentOnly},
		{"loses-its-node", playLosesItsNode, replicaOnly},
		{"one-of-many", playOneOfMany, func(name string) []string { return []string{workflows.ReplicaID(name, many-1)} }},
		{"crashes", playCrashes, replicaOnly},
		{"waits", playWaits, replicaOnly},
		{"stopped-early", playStoppedEarly, replicaOnly},
		{"renews", playRenews, deploymentOnly},
		{"scheduler", func(*testing.T, context.Context, *stack.Stack, string) {}, func(string) []string { return []string{workflows.SchedulerID} }},
	} {
		t.Run(story.name, func(t *testing.T) {
			ctx, s := scenario(t, 2*time.Minute)
			story.play(t, ctx, s, story.name)
			for _, id := range story.ids(story.name) {
				saveHistory(t, dir, story.name, eventsOf(t, ctx, s, id))
			}
		})
	}
}

func deploymentOnly(name string) []string { return []string{workflows.DeploymentID(name)} }
func replicaOnly(name string) []string    { return []string{workflows.ReplicaID(name, 0)} }
func both(name string) []string           { return append(deploymentOnly(name), replicaOnly(name)...) }

// wanted is named with a recipe of its own: a short ladder makes a short history.
func wanted(name, simulate string) aim.DeploymentSpec {
	wish := named(name, simulate)
	wish.Recipe = "llama-3.1-8b-instruct-1xmi300x-fp16"
	return wish
}

// playServes: deployed, ready, stopped.
func playServes(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	apply(t, ctx, s, wanted(name, ""))
	awaitReady(t, ctx, s, name)
	must(t, stack.Stop(ctx, s.Temporal(), name))
}

// playFallsBack: the first rung runs out of memory, a later one serves.
func playFallsBack(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	apply(t, ctx, s, wanted(name, "oom@first=1"))
	checkTried(t, awaitReady(t, ctx, s, name), aim.ClassOOM)
}

// playFails: every rung fails, the deployment with it.
func playFails(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	apply(t, ctx, s, wanted(name, "arch"))
	_, err := s.AwaitPhase(ctx, name, aim.Failed)
	must(t, err)
}

// playRefused: a stranger takes the GPU that has been chosen before the node has
// seen it, so the node refuses the claim and another place is found.
func playRefused(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	node, gpu := chosen(t, ctx, s, wanted(name, ""))
	hold, release := context.WithCancel(ctx)
	held := make(chan stack.Result, 1)
	go func() {
		held <- s.Aim(hold, "simulate", "hold", "--root", filepath.Join(s.Dir, "simulated", node, "tree"), "--gpu", fmt.Sprint(gpu))
	}()
	defer func() { release(); <-held }()
	must(t, stack.Eventually(ctx, func() (bool, error) { used, err := s.UsedGPUs(); return used > 0, err }))
	apply(t, ctx, s, wanted(name, ""))
	checkTried(t, awaitReady(t, ctx, s, name), aim.ClassRefused)
}

// playChanges: other arguments replace the server; left while the new one starts.
func playChanges(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	wish := wanted(name, "")
	apply(t, ctx, s, wish)
	awaitReady(t, ctx, s, name)
	wish.MaxModelLen = 8192
	must(t, s.Apply(ctx, wish))
	must(t, stack.Eventually(ctx, func() (bool, error) {
		st, err := s.Status(ctx, name)
		return err == nil && len(st.Replicas) == 2 && st.Replicas[1].Phase == aim.Proving, nil
	}))
}

// playReturns: another version fails beside the one that serves, which serves on.
func playReturns(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	wish := wanted(name, "")
	apply(t, ctx, s, wish)
	awaitReady(t, ctx, s, name)
	wish.Env = map[string]string{"AIM_SIMULATE": "arch"}
	must(t, s.Apply(ctx, wish))
	_, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool { return st.Phase == aim.Ready && st.NotTaken != nil && len(st.Replicas) == 1 })
	must(t, err)
}

// playFetches: weights are brought to both nodes.
func playFetches(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	fleet, err := s.Fleet(ctx)
	must(t, err)
	in := workflows.FetchInput{Model: small}
	for _, n := range fleet.Nodes {
		in.Nodes = append(in.Nodes, n.ID)
	}
	run, err := s.Temporal().ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: name, TaskQueue: workflows.Queue}, workflows.TypeFetch, in)
	must(t, err)
	must(t, run.Get(ctx, nil))
}

// playDrains: the replicas of a node leave it, one that serves and one that hangs.
func playDrains(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	serves, hangs := wanted(name, ""), wanted(name+"-hung", "hang")
	serves.Selector, hangs.Selector = map[string]string{"rack": "r1"}, map[string]string{"rack": "r1"}
	must(t, s.Aim(ctx, "node", "label", "n1", "rack=r1").Error())
	apply(t, ctx, s, serves)
	awaitReady(t, ctx, s, name)
	apply(t, ctx, s, hangs)
	must(t, awaitStep(ctx, s, hangs.Name, activities.AwaitReady, 1))
	must(t, s.Aim(ctx, "node", "label", "n2", "rack=r1").Error())
	t.Cleanup(func() {
		for _, n := range []string{"n1", "n2"} {
			s.Aim(context.Background(), "node", "label", n, "rack-")
			s.Aim(context.Background(), "node", "uncordon", n)
		}
	})
	must(t, s.Aim(ctx, "node", "drain", "n1").Error())
}

// playKeeps: a change that cannot be met leaves the server as it is.
func playKeeps(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	wish := wanted(name, "")
	apply(t, ctx, s, wish)
	awaitReady(t, ctx, s, name)
	wish.GPUs = 3 // its 32 attention heads do not divide
	must(t, s.Apply(ctx, wish))
	_, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool { return strings.Contains(st.Reason, "not taken up") })
	must(t, err)
}

// playRestarts: the same is started anew.
func playRestarts(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	apply(t, ctx, s, wanted(name, ""))
	awaitReady(t, ctx, s, name)
	restart(t, ctx, s, name)
}

// restart replaces the servers, and waits until that is done.
func restart(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	t.Helper()
	before, err := s.Status(ctx, name)
	must(t, err)
	must(t, update(ctx, s, name, workflows.UpdateRestart, workflows.RestartRequest{}))
	_, err = s.AwaitStatus(ctx, name, func(st aim.Status) bool {
		return st.Phase == aim.Ready && len(st.Replicas) == len(before.Replicas) && !sameServers(before, st)
	})
	must(t, err)
}

// playScales: one replica, two, one.
func playScales(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	apply(t, ctx, s, wanted(name, ""))
	for _, n := range []int{2, 1} {
		awaitReady(t, ctx, s, name)
		must(t, update(ctx, s, name, workflows.UpdateScale, workflows.ScaleRequest{Replicas: n}))
		_, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool { return st.Phase == aim.Ready && len(st.Replicas) == n })
		must(t, err)
	}
}

// playMoves: a successor on the other node proves itself, and the first replica stops.
func playMoves(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	apply(t, ctx, s, wanted(name, ""))
	from := node(awaitReady(t, ctx, s, name))
	must(t, update(ctx, s, name, workflows.UpdateMove, workflows.MoveRequest{Off: from}))
	_, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool {
		return st.Phase == aim.Ready && len(st.Replicas) == 1 && st.Replicas[0].Ordinal == 1 && node(st) != from
	})
	must(t, err)
}

// playRollsBack: what was in service before the last change serves again.
func playRollsBack(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	wish := wanted(name, "")
	apply(t, ctx, s, wish)
	first := awaitReady(t, ctx, s, name)
	wish.MaxModelLen = 8192
	must(t, s.Apply(ctx, wish))
	serves := func(length int) {
		_, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool {
			return st.Phase == aim.Ready && len(st.Replicas) == 1 && st.Spec.MaxModelLen == length && !sameServers(first, st)
		})
		must(t, err)
	}
	serves(8192)
	must(t, update(ctx, s, name, workflows.UpdateRollback, workflows.RollbackRequest{}))
	serves(0)
}

// playLosesItsNode: control says that its node is lost, and another replica serves
// elsewhere; then the node is back.
func playLosesItsNode(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	apply(t, ctx, s, wanted(name, ""))
	on := node(awaitReady(t, ctx, s, name))
	say := func(what workflows.NodeState) {
		must(t, s.Temporal().SignalWorkflow(ctx, workflows.ReplicaID(name, 0), "", workflows.SignalNode, workflows.NodeVerdict{Node: on, Says: what, Why: "told by the story"}))
	}
	say(workflows.NodeLost)
	_, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool {
		return slices.ContainsFunc(st.Replicas, func(r aim.ReplicaStatus) bool { return r.Ordinal == 1 && r.Phase == aim.Ready && r.Node != on })
	})
	must(t, err)
	say(workflows.NodeBack)
	_, err = s.AwaitStatus(ctx, name, func(st aim.Status) bool { return st.Phase == aim.Ready && len(st.Replicas) == 1 })
	must(t, err)
}

// many replicas are not handed what they are to run: they ask for it.
const many = 20

// playOneOfMany: the last of many replicas asks what it is to run, and waits for room
// until the others stop.
func playOneOfMany(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	wish := wanted(name, "")
	wish.Replicas = many
	must(t, s.Apply(ctx, wish))
	_, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool { return len(st.Replicas) == many && st.Replicas[many-1].Phase == aim.Placing })
	must(t, err)
	must(t, stack.Stop(ctx, s.Temporal(), name))
}

// playCrashes: the server dies after it was ready, and is replaced.
func playCrashes(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	apply(t, ctx, s, wanted(name, "crash=300ms@first=1"))
	checkTried(t, awaitAttempt(t, ctx, s, name, 2), aim.ClassExited)
}

// playWaits: there is no room, then there is.
func playWaits(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	apply(t, ctx, s, wholeNode("has-it"))
	awaitReady(t, ctx, s, "has-it")
	apply(t, ctx, s, wholeNode(name))
	must(t, awaitStep(ctx, s, name, activities.AwaitTurn, 1))
	must(t, stack.Stop(ctx, s.Temporal(), "has-it"))
	awaitReady(t, ctx, s, name)
}

// playStoppedEarly: stopped while the server has not answered yet.
func playStoppedEarly(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	apply(t, ctx, s, wanted(name, "hang"))
	must(t, awaitStep(ctx, s, name, activities.AwaitReady, 1))
	must(t, stack.Stop(ctx, s.Temporal(), name))
}

// playRenews: the history grows over what Temporal suggests, the Deployment
// continues as new, finds its replica again and obeys. Reports that are not from
// its replicas make the history grow and are dropped. The second run is the one
// that is kept: the first is megabytes long.
func playRenews(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	apply(t, ctx, s, wanted(name, ""))
	awaitReady(t, ctx, s, name)
	first := describe(t, ctx, s, name).GetWorkflowExecutionInfo().GetExecution().GetRunId()
	junk := map[string]string{"uid": "another", "run": strings.Repeat("x", 1<<20)}
	must(t, stack.Eventually(ctx, func() (bool, error) {
		if run := describe(t, ctx, s, name).GetWorkflowExecutionInfo().GetExecution().GetRunId(); run != first {
			return true, nil
		}
		err := s.Temporal().SignalWorkflow(ctx, name, first, "report", junk)
		if gone := (*serviceerror.NotFound)(nil); errors.As(err, &gone) {
			err = nil // it has just continued
		}
		return false, err
	}))
	awaitReady(t, ctx, s, name)
	restart(t, ctx, s, name)
	must(t, stack.Stop(ctx, s.Temporal(), name))
}

// chosen is where the scheduler would put a deployment now: the node, and the
// number of the GPU in it.
func chosen(t *testing.T, ctx context.Context, s *stack.Stack, wish aim.DeploymentSpec) (node string, gpu int) {
	t.Helper()
	r := s.Aim(ctx, "plan", wish.Model, "--name", wish.Name, "--recipe", wish.Recipe, "-o", "json")
	var plan struct{ Placements []aim.Decision }
	if err := json.Unmarshal([]byte(r.Out), &plan); err != nil || len(plan.Placements) == 0 || plan.Placements[0].Placement == nil {
		t.Fatalf("aim plan: %v: %s%s", err, r.Out, r.Err)
	}
	rank := plan.Placements[0].Placement.Ranks[0]
	fleet, err := s.Fleet(ctx)
	must(t, err)
	n, _ := fleet.Find(rank.Node)
	return rank.Node, slices.IndexFunc(n.GPUs, func(g aim.GPU) bool { return g.ID == rank.GPUs[0] })
}

// update sends an update and waits for its answer.
func update(ctx context.Context, s *stack.Stack, name, verb string, request any) error {
	h, err := s.Temporal().UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: name, UpdateName: verb, Args: []any{request}, WaitForStage: client.WorkflowUpdateStageCompleted})
	if err != nil {
		return err
	}
	return h.Get(ctx, nil)
}

// awaitAttempt waits until the first replica serves by its n-th attempt.
func awaitAttempt(t *testing.T, ctx context.Context, s *stack.Stack, name string, n int) aim.Status {
	t.Helper()
	status, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool {
		return st.Phase == aim.Ready && len(st.Replicas) > 0 && st.Replicas[0].Attempt == n
	})
	must(t, err)
	return status
}

// checkTried asserts that the story is the one that was meant.
func checkTried(t *testing.T, status aim.Status, class aim.FailureClass) {
	t.Helper()
	if tries := status.Replicas[0].Tries; len(tries) != 1 || tries[0].Class != class {
		t.Fatalf("the tries are %+v, want one that ended as %s", tries, class)
	}
}

// saveHistory writes a history, packed, one event a line, with payloads that a
// person can read. What it tells stands beside it (TestHistoriesAreOutlined).
func saveHistory(t *testing.T, dir, story string, events []*history.HistoryEvent) {
	t.Helper()
	readable := temporalproto.CustomJSONMarshalOptions{Metadata: map[string]any{common.EnablePayloadShorthandMetadataKey: true}}
	var lines []string
	for _, e := range events {
		line, err := readable.Marshal(e)
		must(t, err)
		lines = append(lines, string(line))
	}
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	must(t, err)
	_, err = zip.Write([]byte("{\"events\":[\n" + strings.Join(lines, ",\n") + "\n]}\n"))
	must(t, err)
	must(t, zip.Close())
	kind := events[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()
	path := filepath.Join(dir, story+"."+strings.ToLower(kind)+".json.gz")
	must(t, os.WriteFile(path, packed.Bytes(), 0o644))
	if packed.Len() > 16<<10 {
		t.Errorf("%s is too long for a file that people keep: tell a shorter story", path)
	}
	t.Logf("%s: %d events, %d KiB", path, len(events), packed.Len()>>10)
}

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/workflows"
)

// nobody is where nobody listens: port 1 of loopback is reserved.
const nobody = "127.0.0.1:1"

// Obligation: who asks for what cannot be gets one clear sentence, the nearest
// match or the next command, and the documented exit code; and nothing has
// changed.
func TestBadWishes(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	apply(t, ctx, s, named("taken", ""))
	running := awaitReady(t, ctx, s, "taken")
	const model = "Qwen/Qwen3-32B"
	checkMistakes(t, ctx, s, []mistake{
		{name: "unknown model", args: []string{"deploy", "Qwen/Qwen3-33B"}, code: 3, says: []string{"no_recipe", "Qwen/Qwen3-33B", "did you mean Qwen/Qwen3-32B", "aim recipe list"}},
		{name: "model like nothing known", args: []string{"deploy", "nosuch/thing"}, code: 3, says: []string{"nosuch/thing", "aim recipe list"}},
		{name: "no model id", args: []string{"deploy", "not a model"}, code: 2, says: []string{"not a model", "owner/name"}},
		{name: "GPUs that do not divide", args: []string{"deploy", model, "--gpus", "3"}, code: 3, says: []string{"attention heads", "1, 2, 4, 8 GPUs"}},
		{name: "more GPUs than a node has", args: []string{"deploy", model, "--gpus", "64"}, code: 3, says: []string{"64 MI300X", "largest node has 8"}},
		{name: "more GPUs than there may be", args: []string{"deploy", model, "--gpus", "5000"}, code: 2, says: []string{"gpus", "5000", "1024"}},
		{name: "no GPUs", args: []string{"deploy", model, "--gpus", "0"}, code: 2, says: []string{"--gpus is 0"}},
		{name: "another kind of GPU", args: []string{"deploy", model, "--gpu-type", "H100"}, code: 3, says: []string{"on H100", "known here are MI300X"}},
		{name: "unknown precision", args: []string{"deploy", model, "--precision", "bf61"}, code: 2, says: []string{`"bf61"`, `did you mean "bf16"?`}},
		{name: "precision like nothing known", args: []string{"plan", model, "--precision", "??"}, code: 2, says: []string{"use one of bf16"}},
		{name: "unknown backend", args: []string{"deploy", model, "--backend", "vlm"}, code: 2, says: []string{`did you mean "vllm"?`}},
		{name: "unknown server option", args: []string{"deploy", model, "--", "--max-num-sequences", "8"}, code: 2, says: []string{"did you mean --max-num-seqs?"}},
		{name: "another model under a running name", args: []string{"deploy", model, "--name", "taken"}, code: 1, says: []string{"conflict", small, "aim stop taken"}},
		{name: "unknown deployment", args: []string{"status", "takne"}, code: 1, says: []string{`did you mean "taken"?`, "aim status taken"}},
		{name: "stop of an unknown deployment", args: []string{"stop", "nosuch"}, code: 1, says: []string{`"nosuch"`, "aim ps"}},
		{name: "too many replicas", args: []string{"scale", "taken", "9999"}, code: 2, says: []string{"9999", "1000"}},
		{name: "unknown node", args: []string{"node", "cordon", "n3", "--why", "test"}, code: 1, says: []string{`"n3"`, "aim node"}},
		{name: "clearing an unknown node", args: []string{"node", "clear", "n3"}, code: 1, says: []string{`"n3"`, "aim node"}},
		{name: "clearing an unknown GPU", args: []string{"node", "clear", "n1", "GPU-xyz"}, code: 1, says: []string{`no GPU "GPU-xyz"`, "aim node show n1"}},
		{name: "a number that is none", args: []string{"logs", "taken", "--replica", "x"}, code: 2, says: []string{`"x"`, "--replica", "whole number", "aim logs --help"}},
		{name: "a second stack", args: []string{"up"}, code: 1, says: []string{"running already", s.Dir, "aim "}},
	})
	if now, err := s.Status(ctx, "taken"); err != nil || now.Revision != running.Revision || now.Phase != aim.Ready {
		t.Errorf("the deployment that was running is now %+v, %v", now, err)
	}
}

// Obligation: the same for files that are not what they should be.
func TestBadFiles(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	recipe := "recipe_id: x\nmodel_id: a/b\nprecision: bf16\nbackend: vllm\nhardware:\n  gpu_type: MI300X\n  gpu_count: 1\n"
	checkMistakes(t, ctx, s, []mistake{
		{name: "recipe that is no YAML", args: []string{"recipe", "validate", file("no.yaml", "recipe_id: [")}, code: 2, says: []string{"no.yaml:1", "not YAML", "aim recipe validate"}},
		{name: "recipe with a field missing", args: []string{"recipe", "validate", file("missing.yaml", "recipe_id: x\nmodel_id: a/b\n")}, code: 2, says: []string{"missing.yaml:1", `"precision" is missing`}},
		{name: "recipe with an unknown precision", args: []string{"recipe", "validate", file("precision.yaml", strings.Replace(recipe, "bf16", "bf61", 1))}, code: 2, says: []string{"precision.yaml", `did you mean "bf16"?`}},
		{name: "recipe with an unknown backend", args: []string{"recipe", "validate", file("backend.yaml", strings.Replace(recipe, "vllm", "vlm", 1))}, code: 2, says: []string{"backend.yaml", `did you mean "vllm"?`}},
		{name: "recipe with an unknown field", args: []string{"recipe", "validate", file("field.yaml", recipe+"confg: {}\n")}, code: 2, says: []string{"field.yaml:8", `did you mean "config"?`}},
		{name: "no recipe there", args: []string{"recipe", "validate", filepath.Join(dir, "none.yaml")}, code: 2, says: []string{"no file"}},
		{name: "spec of the wrong type", args: []string{"deploy", "-f", file("type.yaml", "model: Qwen/Qwen3-32B\ngpus: two\n")}, code: 2, says: []string{"type.yaml", `"gpus"`, `"two"`, "whole number"}},
		{name: "spec that is a list", args: []string{"deploy", "-f", file("list.yaml", "- Qwen/Qwen3-32B\n")}, code: 2, says: []string{"list.yaml", "model"}},
		{name: "spec with an unknown field", args: []string{"deploy", "-f", file("unknown.yaml", "model: Qwen/Qwen3-32B\nreplica: 2\n")}, code: 2, says: []string{`did you mean "replicas"?`}},
		{name: "sysfs root without sysfs", args: []string{"gpu", "list", "--sysfs-root", dir}, code: 2, says: []string{dir, "sys/"}},
		{name: "sysfs root that is not there", args: []string{"gpu", "list", "--sysfs-root", filepath.Join(dir, "none")}, code: 2, says: []string{"none", "is not a folder"}},
	})
}

// Obligation: who cannot reach Temporal, NATS or Docker, or finds a port taken,
// is told at once which address it is, where it comes from and what to do.
func TestUnreachable(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	taken, mute := listener(t), listener(t)
	tree := filepath.Join(t.TempDir(), "empty")
	must(t, os.MkdirAll(filepath.Join(tree, "sys"), 0o755))
	node := func(more ...string) []string {
		return append([]string{"node", "run", "--id", "lost", "--state", filepath.Join(t.TempDir(), "node"), "--sysfs-root", tree, "--metrics", "127.0.0.1:0"}, more...)
	}
	checkMistakes(t, ctx, s, []mistake{
		{name: "Temporal for a command", args: []string{"ps"}, env: []string{"TEMPORAL_ADDRESS=" + nobody}, code: 1, says: []string{"Temporal at " + nobody, "from TEMPORAL_ADDRESS", "connection refused", "aim doctor"}},
		{name: "Temporal for a deployment", args: []string{"deploy", small}, env: []string{"TEMPORAL_ADDRESS=" + nobody}, code: 1, says: []string{"Temporal at " + nobody, "connection refused"}},
		{name: "Temporal that says nothing", args: []string{"ps"}, env: []string{"TEMPORAL_ADDRESS=" + mute}, code: 1, says: []string{"Temporal at " + mute, "within 5s"}},
		{name: "Temporal at an unknown host", args: []string{"ps"}, env: []string{"TEMPORAL_ADDRESS=temporal.invalid:7233"}, code: 1, says: []string{"Temporal at temporal.invalid:7233"}},
		{name: "Temporal at no address", args: []string{"ps"}, env: []string{"TEMPORAL_ADDRESS=temporal"}, code: 2, says: []string{"TEMPORAL_ADDRESS", "host:port"}},
		{name: "Temporal for control", args: []string{"control", "run", "--metrics", "127.0.0.1:0"}, env: []string{"TEMPORAL_ADDRESS=" + nobody}, code: 1, says: []string{"Temporal at " + nobody, "connection refused"}},
		{name: "Temporal for a node", args: node("--runtime", "process"), env: []string{"TEMPORAL_ADDRESS=" + nobody}, code: 1, says: []string{"node lost", "Temporal at " + nobody}},
		{name: "NATS for a command", args: []string{"node", "list"}, env: []string{"NATS_URL=nats://" + nobody}, code: 1, says: []string{"NATS at nats://" + nobody, "from NATS_URL", "aim doctor"}},
		{name: "NATS for control", args: []string{"control", "run", "--metrics", "127.0.0.1:0"}, env: []string{"NATS_URL=nats://" + nobody}, code: 1, says: []string{"NATS at nats://" + nobody}},
		{name: "NATS for a node", args: node("--runtime", "process"), env: []string{"NATS_URL=nats://" + nobody}, code: 1, says: []string{"node lost", "NATS at nats://" + nobody}},
		{name: "Docker for a node", args: node("--runtime", "docker"), env: []string{"DOCKER_HOST=unix:///nowhere/docker.sock"}, code: 1, says: []string{"unix:///nowhere/docker.sock", "start dockerd", "--runtime process"}},
		{name: "port of control's metrics", args: []string{"control", "run", "--metrics", taken}, code: 1, says: []string{taken, "in use", "--metrics"}},
		{name: "port of a node's metrics", args: node("--runtime", "process", "--metrics", taken), code: 1, says: []string{taken, "in use", "--metrics"}},
	})
	t.Run("doctor", func(t *testing.T) {
		r := run(ctx, s.Dir, []string{"TEMPORAL_ADDRESS=" + nobody, "NATS_URL=nats://" + nobody, "DOCKER_HOST=unix:///nowhere/docker.sock"}, "doctor")
		if r.Code != 1 || strings.Contains(r.Out, "next: aim doctor") { // that is what was asked just now
			t.Errorf("exit code %d, want 1: %s", r.Code, r.Out)
		}
		checkSays(t, r.Out, "bad   Temporal  Temporal at "+nobody, "next: correct TEMPORAL_ADDRESS", "bad   NATS      NATS at nats://"+nobody,
			"next: correct NATS_URL", "Docker    does not answer", "unix:///nowhere/docker.sock")
		checkPlain(t, r.Out)
	})
	fleet, err := s.Fleet(ctx)
	must(t, err)
	if n, there := fleet.Find("lost"); there {
		t.Errorf("a node that could not start is in the fleet: %+v", n)
	}
}

// Obligation: `aim up` that cannot come up says why in one sentence, leaves no
// process, and does not stand in the way of the next `aim up`.
func TestUpThatCannot(t *testing.T) {
	ctx, _ := scenario(t, time.Minute)
	taken, empty := listener(t), t.TempDir()
	for _, m := range []mistake{
		{name: "Temporal alone is given", env: []string{"TEMPORAL_ADDRESS=" + nobody}, code: 2, says: []string{"both Temporal and NATS", "TEMPORAL_ADDRESS"}},
		{name: "Temporal and NATS are not there", env: []string{"TEMPORAL_ADDRESS=" + nobody, "NATS_URL=nats://" + nobody}, code: 1, says: []string{"Temporal at " + nobody, "connection refused"}},
		{name: "Docker is not there", env: []string{"AIM_NODE_RUNTIME=docker", "DOCKER_HOST=unix:///nowhere/docker.sock"}, code: 1, says: []string{"unix:///nowhere/docker.sock"}},
		{name: "the sysfs tree is none", env: []string{"AIM_NODE_SYSFS=" + empty}, code: 2, says: []string{empty, "AIM_NODE_SYSFS"}},
		{name: "nonsense to simulate", args: []string{"--simulate", "two"}, code: 2, says: []string{`"two" is not NxM`, "2x8"}},
		{name: "more than a node has", args: []string{"--simulate", "2x9"}, code: 2, says: []string{"1 to 8 GPUs"}},
	} {
		t.Run(m.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			r := run(ctx, dir, m.env, append([]string{"up"}, m.args...)...)
			checkMistake(t, m, r)
			checkNothingRuns(t, dir)
			if s, err := config.ReadStack(dir); err == nil && s.External {
				t.Errorf("addresses that did not answer are remembered: %+v", s)
			}
		})
	}
	t.Run("a port is taken", func(t *testing.T) {
		dir := t.TempDir()
		before := config.Stack{TemporalAddress: taken, Namespace: "default", NATSURL: "nats://127.0.0.1:0", UIAddress: "http://127.0.0.1:0"}
		must(t, before.Write(dir))
		r := run(ctx, dir, nil, "up", "--simulate", "1x1")
		// The cure must be one that aim up offers.
		checkMistake(t, mistake{code: 1, says: []string{portOf(t, taken), "taken", "up.json"}}, r)
		checkNothingRuns(t, dir)
	})
}

// Obligation: a machine without GPUs is no mistake: everything runs, the reason
// is told, and so is what to do without one. A model is refused for want of
// capacity.
func TestNoGPU(t *testing.T) {
	ctx, _ := scenario(t, time.Minute)
	dir, tree := t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(filepath.Join(tree, "sys"), 0o755))
	env := []string{"AIM_NODE_SYSFS=" + tree, "AIM_NODE_RUNTIME=process"}
	list := run(ctx, dir, env, "gpu", "list")
	if list.Code != 0 {
		t.Errorf("aim gpu list: exit code %d", list.Code)
	}
	checkSays(t, list.Out+list.Err, "no GPU", "sysfs", "next: aim ")

	t.Cleanup(func() { run(context.WithoutCancel(ctx), dir, nil, "down"); checkNothingRuns(t, dir) })
	up := run(ctx, dir, env, "up", "--detach")
	if up.Code != 0 {
		t.Fatalf("aim up: exit code %d: %s", up.Code, up.Err)
	}
	checkSays(t, up.Out+up.Err, "GPUs          none on ", "sysfs", "next: aim doctor")
	checkSays(t, run(ctx, dir, env, "doctor").Out, "none on this machine", "next: aim down && aim up --simulate 2x8")
	refused := run(ctx, dir, env, "deploy", small)
	checkMistake(t, mistake{code: 3, says: []string{"capacity", "1 node without GPUs"}}, refused)
}

// Obligation: stopping to wait, by time or by Ctrl-C, has an exit code of its
// own, ends nothing, and says how to follow.
func TestWaitingEndsNothing(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	const name = "slow"
	args := []string{"deploy", small, "--name", name, "--env", "AIM_SIMULATE=hang"}
	t.Cleanup(func() { _ = stack.Stop(context.WithoutCancel(ctx), s.Temporal(), name) })

	cmd, said := command(ctx, s.Dir, nil, args...)
	must(t, cmd.Start())
	must(t, awaitStep(ctx, s, name, activities.AwaitReady, 1))
	must(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait() // the exit code tells
	checkMistake(t, mistake{code: 130, says: []string{"interrupted", "goes on", "aim status slow --watch"}},
		stack.Result{Code: cmd.ProcessState.ExitCode(), Err: said.String()})

	r := run(ctx, s.Dir, nil, append(args, "--timeout", "500ms")...)
	checkMistake(t, mistake{code: 4, says: []string{"500ms", "goes on", "aim status slow --watch"}}, r)

	status, err := s.Status(ctx, name)
	must(t, err)
	if status.Phase != aim.Proving || status.Revision != 1 {
		t.Errorf("the deployment is %s at revision %d, want it as it was: %s, 1", status.Phase, status.Revision, aim.Proving)
	}
	if r := run(ctx, s.Dir, nil, "stop", name); r.Code != 0 {
		t.Errorf("aim stop: %d %s", r.Code, r.Err)
	}
}

// Obligation: whoever starts or changes a deployment with Temporal's own tools is
// told the same: the workflow closes as failed, with the class and a sentence
// that names the field or the model, and nothing is started.
func TestBadInputByTemporal(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	for _, c := range []struct {
		name, input string
		class       aim.FailureClass
		says        []string
	}{
		{"raw-model", `{"model":"Qwen/Qwen3-33B"}`, aim.ClassNoRecipe, []string{"did you mean Qwen/Qwen3-32B"}},
		{"raw-missing", `{}`, aim.ClassInput, []string{`"model" is missing`}},
		{"raw-null", `null`, aim.ClassInput, []string{`"model" is missing`}},
		{"raw-field", `{"model":"Qwen/Qwen3-32B","replica":2}`, aim.ClassInput, []string{`did you mean "replicas"?`}},
		{"raw-value", `{"model":"Qwen/Qwen3-32B","replicas":-1}`, aim.ClassInput, []string{`"replicas" is -1`}},
		{"raw-precision", `{"model":"Qwen/Qwen3-32B","precision":"bf61"}`, aim.ClassInput, []string{`did you mean "bf16"?`}},
		{"raw-gpus", `{"model":"Qwen/Qwen3-32B","gpus":64}`, aim.ClassNoRecipe, []string{"largest node has 8"}},
		{"raw-name", `{"model":"Qwen/Qwen3-32B","name":"other"}`, aim.ClassInput, []string{`"other"`, `"raw-name"`}},
		{"raw-type", `{"model":"Qwen/Qwen3-32B","gpus":"two"}`, aim.ClassInput, []string{`"gpus"`, `"two"`, "whole number"}},
		{"raw-model-type", `{"model":7}`, aim.ClassInput, []string{`"model"`, "7", "text"}},
		{"raw-timeout", `{"model":"Qwen/Qwen3-32B","timeout":5}`, aim.ClassInput, []string{`"timeout"`, "5", "90s"}},
		{"raw-text", `"Qwen/Qwen3-32B"`, aim.ClassInput, []string{`{"model":`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			handle, err := s.Temporal().ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: c.name, TaskQueue: workflows.Queue},
				workflows.TypeDeployment, json.RawMessage(c.input))
			must(t, err)
			checkRefused(t, handle.Get(ctx, nil), c.class, c.says)
			if status, err := s.Status(ctx, c.name); err != nil || status.Phase != aim.Failed {
				t.Errorf("its status is %s, %v; want %s", status.Phase, err, aim.Failed)
			}
			if _, err := s.Temporal().DescribeWorkflowExecution(ctx, workflows.ReplicaID(c.name, 0), ""); err == nil {
				t.Error("a replica was started")
			}
		})
	}

	apply(t, ctx, s, named("raw", ""))
	before := awaitReady(t, ctx, s, "raw")
	for _, c := range []struct {
		name, update, input string
		says                []string
	}{
		{"unknown field", workflows.UpdateApply, `{"model":"` + small + `","gpu":2}`, []string{`did you mean "gpus"?`}},
		{"wrong type", workflows.UpdateApply, `{"model":"` + small + `","gpus":"two"}`, []string{`"gpus"`, `"two"`, "whole number"}},
		{"no replicas", workflows.UpdateScale, `{"replicas":0}`, []string{"replicas is 0", "aim stop raw"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkRefused(t, update(ctx, s, "raw", c.update, json.RawMessage(c.input)), aim.ClassInput, c.says)
		})
	}
	if now, err := s.Status(ctx, "raw"); err != nil || now.Phase != aim.Ready || now.Revision != before.Revision {
		t.Errorf("the deployment is now %s at revision %d, %v", now.Phase, now.Revision, err)
	}
}

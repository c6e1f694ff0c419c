package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"github.com/aim-engine/aim/workflows"
)

func TestScratch(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	for i, in := range []string{
		`{"model":"Qwen/Qwen3-33B"}`, `{"model":"Qwen/Qwen3-32B","gpus":"two"}`, `{"model":"Qwen/Qwen3-32B","replica":2}`,
		`"Qwen/Qwen3-32B"`, `null`, `[]`, `{}`, `{"model":"Qwen/Qwen3-32B","replicas":-1}`, `{"model":"Qwen/Qwen3-32B","name":"x"}`, `{"model":7}`, `{"model":"Qwen/Qwen3-32B","timeout":"soon"}`, `{"model":"Qwen/Qwen3-32B","timeout":5}`,`{"model":"Qwen/Qwen3-32B","gpus":16}`,
	} {
		id := fmt.Sprintf("raw-%d", i)
		began := time.Now()
		run, err := s.Temporal().ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: workflows.Queue, WorkflowExecutionTimeout: 10 * time.Second}, "Deployment", json.RawMessage(in))
		must(t, err)
		t.Logf("%s: %v  (%s)", in, run.Get(ctx, nil), time.Since(began))
		st, err := s.Status(ctx, id)
		t.Logf("    status %s %q %v", st.Phase, st.Reason, err)
	}
	run, err := s.Temporal().ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "raw-none", TaskQueue: workflows.Queue, WorkflowExecutionTimeout: 10 * time.Second}, "Deployment")
	must(t, err)
	t.Logf("none: %v", run.Get(ctx, nil))
	apply(t, ctx, s, spec("raw-run", ""))
	awaitReady(t, ctx, s, "raw-run")
	for _, u := range []struct{ name string; arg any }{
		{"Apply", json.RawMessage(`{"model":"meta-llama/Llama-3.1-8B-Instruct","gpus":"two"}`)},
		{"Apply", json.RawMessage(`{"model":"meta-llama/Llama-3.1-8B-Instruct","gpu":2}`)},
		{"Apply", json.RawMessage(`{"model":"meta-llama/Llama-3.1-8B-Instruct","gpus":3}`)},
		{"Scale", json.RawMessage(`{"replicas":"two"}`)},
		{"Scale", json.RawMessage(`{"replica":2}`)},
		{"Scale", json.RawMessage(`2`)},
		{"Scael", json.RawMessage(`{"replicas":2}`)},
	} {
		h, err := s.Temporal().UpdateWorkflow(ctx, client.UpdateWorkflowOptions{WorkflowID: "raw-run", UpdateName: u.name, Args: []any{u.arg}, WaitForStage: client.WorkflowUpdateStageCompleted})
		if err == nil {
			err = h.Get(ctx, nil)
		}
		t.Logf("%s(%s): %v", u.name, u.arg, err)
	}
	time.Sleep(500*time.Millisecond)
	st, _ := s.Status(ctx, "raw-run")
	t.Logf("%s %s %+v", st.Phase, st.Reason, st.Spec)
}

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// Obligation: docs/deployment.md. One and the same JSON deploys a model through
// Temporal's HTTP API and through its gRPC, without any code of ours.
func TestDeployedByTemporalsOwnAPIs(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	for name, start := range map[string]func(t *testing.T, ctx context.Context, s *stack.Stack, name, spec string){
		"by-http": startByHTTP, "by-grpc": startByGRPC,
	} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() { _ = stack.Stop(context.WithoutCancel(ctx), s.Temporal(), name) })
			start(t, ctx, s, name, `{"model":"`+small+`","served_name":"`+servedName(name)+`","max_model_len":4096}`)
			status := awaitReady(t, ctx, s, name)
			if status.Spec.MaxModelLen != 4096 || status.Model != small {
				t.Errorf("it runs %+v", status.Spec)
			}
			checkServes(t, s, status)
		})
	}
}

// startByHTTP asks the HTTP API that the Temporal UI hands on to those who have its
// token.
func startByHTTP(t *testing.T, ctx context.Context, s *stack.Stack, name, spec string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar}
	state, err := config.ReadStack(s.Dir)
	must(t, err)
	send := func(method, path, token string, body []byte) (int, string) {
		request, err := http.NewRequestWithContext(ctx, method, state.UIAddress+path, bytes.NewReader(body))
		must(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-CSRF-TOKEN", token)
		answer, err := browser.Do(request)
		must(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		must(t, err)
		return answer.StatusCode, string(text)
	}
	const path = "/api/v1/namespaces/default/workflows/"
	body := []byte(`{"workflowType":{"name":"Deployment"},"taskQueue":{"name":"aim"},"input":{"payloads":[{"metadata":{"encoding":"` +
		base64.StdEncoding.EncodeToString([]byte("json/plain")) + `"},"data":"` + base64.StdEncoding.EncodeToString([]byte(spec)) + `"}]}}`)
	if code, text := send(http.MethodPost, path+name, "", body); code < 400 {
		t.Errorf("without a token the answer is %d: %s", code, text)
	}
	send(http.MethodGet, "/api/v1/settings", "", nil)
	address, err := url.Parse(state.UIAddress)
	must(t, err)
	token := ""
	for _, c := range jar.Cookies(address) {
		if c.Name == "_csrf" {
			token = c.Value
		}
	}
	if code, text := send(http.MethodPost, path+name, token, body); code != http.StatusOK {
		t.Fatalf("the HTTP API answers %d: %s", code, text)
	}
}

// startByGRPC sends what any client of Temporal's gRPC would.
func startByGRPC(t *testing.T, ctx context.Context, s *stack.Stack, name, spec string) {
	t.Helper()
	_, err := s.Temporal().WorkflowService().StartWorkflowExecution(ctx, &workflowservice.StartWorkflowExecutionRequest{
		Namespace: "default", WorkflowId: name, RequestId: name,
		WorkflowType: &common.WorkflowType{Name: "Deployment"},
		TaskQueue:    &taskqueue.TaskQueue{Name: "aim"},
		Input:        &common.Payloads{Payloads: []*common.Payload{{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(spec)}}},
	})
	must(t, err)
}

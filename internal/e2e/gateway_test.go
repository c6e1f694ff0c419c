package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// Obligation: one address answers for all models. While a replica is killed in
// the middle of streams, no request that has no byte yet fails, and no stream
// that broke looks whole; afterwards the accounts add up.
func TestTheGatewayOutlivesAReplica(t *testing.T) {
	ctx, s := scenario(t, 2*time.Minute)
	name := "gated"
	wanted := named(name, "ttft=5ms;tpot=10ms")
	wanted.Replicas = 2
	apply(t, ctx, s, wanted)
	awaitReady(t, ctx, s, name)

	key := strings.TrimSpace(said(t, s.Aim(ctx, "key", "create", name, "--concurrency", "200")))
	t.Cleanup(func() { s.Aim(context.Background(), "key", "revoke", name) })
	c := gatewayClient{url: s.GatewayURL, key: key}
	awaitModels(t, ctx, c, servedName(name))

	var asked, whole, broken, failed atomic.Int64
	var group sync.WaitGroup
	killed := make(chan struct{})
	for range 20 {
		group.Go(func() {
			for over := false; !over; {
				select {
				case <-killed:
					over = true // one more, after the kill
				default:
				}
				asked.Add(1)
				switch got := c.stream(ctx, servedName(name)); got {
				case "whole":
					whole.Add(1)
				case "broken":
					broken.Add(1)
				default:
					failed.Add(1)
					t.Errorf("a request without a byte failed: %s", got)
				}
			}
		})
	}
	if err := stack.Eventually(ctx, func() (bool, error) { return whole.Load() > 20, nil }); err != nil {
		t.Fatal(err)
	}
	victim := serversOf(t, s, name)[0]
	if err := syscall.Kill(victim.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := stack.Eventually(ctx, func() (bool, error) { return broken.Load() > 0 || whole.Load() > 80, nil }); err != nil {
		t.Fatal(err)
	}
	close(killed)
	group.Wait()
	t.Logf("%d asked, %d whole, %d told as broken", asked.Load(), whole.Load(), broken.Load())
	checkUsage(t, ctx, s, name, asked.Load())
}

// awaitModels waits until the gateway lists a model for the key.
func awaitModels(t *testing.T, ctx context.Context, c gatewayClient, model string) {
	t.Helper()
	err := stack.Eventually(ctx, func() (bool, error) {
		resp, err := c.do(ctx, http.MethodGet, "/v1/models", "")
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		out, err := io.ReadAll(resp.Body)
		return strings.Contains(string(out), `"`+model+`"`), err
	})
	if err != nil {
		t.Fatalf("the gateway does not list %s: %v", model, err)
	}
}

// checkUsage waits until the accounts of the key are complete.
func checkUsage(t *testing.T, ctx context.Context, s *stack.Stack, key string, want int64) {
	t.Helper()
	var last string
	err := stack.Eventually(ctx, func() (bool, error) {
		last = said(t, s.Aim(ctx, "usage", "--by", "key", "-o", "json"))
		var sums []struct {
			Group    string
			Requests int64
		}
		if err := json.Unmarshal([]byte(last), &sums); err != nil {
			return false, err
		}
		for _, u := range sums {
			if u.Group == key {
				return u.Requests == want, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Errorf("%d requests were asked, the accounts say %s", want, last)
	}
}

func said(t *testing.T, r stack.Result) string {
	t.Helper()
	if r.Code != 0 {
		t.Fatalf("exit %d: %s%s", r.Code, r.Out, r.Err)
	}
	return r.Out
}

// gatewayClient asks the gateway as a client does, and never again by itself.
type gatewayClient struct{ url, key string }

func (c gatewayClient) do(ctx context.Context, method, path, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	return http.DefaultClient.Do(req)
}

// stream asks for a streamed answer and says whether it was whole, told as broken,
// or what else.
func (c gatewayClient) stream(ctx context.Context, model string) string {
	resp, err := c.do(ctx, http.MethodPost, "/v1/chat/completions",
		fmt.Sprintf(`{"model":%q,"stream":true,"max_tokens":20,"messages":[{"role":"user","content":"hello"}]}`, model))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		out, _ := io.ReadAll(resp.Body)
		return fmt.Sprintf("%d: %s", resp.StatusCode, out)
	}
	done, told := false, false
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		done = done || lines.Text() == "data: [DONE]"
		told = told || lines.Text() == "event: error"
	}
	switch {
	case done && lines.Err() == nil && !told:
		return "whole"
	case !done && told && lines.Err() != nil:
		return "broken"
	}
	return fmt.Sprintf("a stream that is neither whole nor told as broken: done %v, told %v, %v", done, told, lines.Err())
}

// Obligation: a request for a model that is still starting is held and answered,
// and an alias leads to it.
func TestTheGatewayHoldsARequestForAModelThatStarts(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	name := "held"
	apply(t, ctx, s, named(name, "ready=3s"))
	key := strings.TrimSpace(said(t, s.Aim(ctx, "key", "create", name)))
	t.Cleanup(func() { s.Aim(context.Background(), "key", "revoke", name) })
	said(t, s.Aim(ctx, "alias", "set", "chat="+name))
	t.Cleanup(func() { s.Aim(context.Background(), "alias", "remove", "chat") })
	c := gatewayClient{url: s.GatewayURL, key: key}
	awaitModels(t, ctx, c, "chat")
	if status, err := s.Status(ctx, name); err != nil || status.Phase == aim.Ready {
		t.Fatalf("it is %s: %v", status.Phase, err)
	}
	if got := c.stream(ctx, "chat"); got != "whole" {
		t.Errorf("the held request: %s", got)
	}
}

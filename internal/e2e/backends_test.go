package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Obligation: a deployment that asks for another backend is served by it, on a
// recipe that was written for vLLM, and answers a chat.
func TestOtherBackendsServe(t *testing.T) {
	for _, backend := range []string{"sglang", "tgi"} {
		t.Run(backend, func(t *testing.T) {
			ctx, s := scenario(t, time.Minute)
			wish := named("by-"+backend, "")
			wish.Backend, wish.GPUs, wish.MaxModelLen = backend, 2, 4096
			apply(t, ctx, s, wish)
			status := awaitReady(t, ctx, s, wish.Name)
			r := status.Replicas[0]
			if claims := claimsOf(t, s, wish.Name); len(claims) != 1 || len(claims[0].GPUs) != 2 {
				t.Errorf("claims %+v", claims)
			}
			body := `{"model":"` + r.Serves + `","messages":[{"role":"user","content":"hello"}]}`
			answer, err := http.Post(r.Endpoint+"/v1/chat/completions", "application/json", strings.NewReader(body))
			must(t, err)
			defer answer.Body.Close()
			if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK || !strings.Contains(string(text), "choices") {
				t.Errorf("%s answers %s: %s", backend, answer.Status, text)
			}
			if log := s.Aim(ctx, "logs", wish.Name); log.Code != 0 || !strings.Contains(log.Out, "4096") {
				t.Errorf("the server was not asked for a context of 4096: %d %s", log.Code, log.Out)
			}
		})
	}
}

// Obligation: what the chosen server does not have is refused before anything is
// wanted, in its own words.
func TestOptionsOfAnotherBackendAreRefused(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	checkMistakes(t, ctx, s, []mistake{
		{"vLLM's name to SGLang", []string{"deploy", small, "--backend", "sglang", "--", "--max-model-len", "4096"}, nil, 2, []string{"sglang calls it --context-length"}},
		{"a typing error to TGI", []string{"deploy", small, "--backend", "tgi", "--", "--max-total-token", "4096"}, nil, 2, []string{"did you mean --max-total-tokens"}},
	})
}

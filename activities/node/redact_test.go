package node

import (
	"strings"
	"syscall"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
)

func TestRedactTakesSecretsOut(t *testing.T) {
	const token = "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"
	t.Setenv("AIM_TEST_SECRET", secretValue)
	t.Setenv("AIM_TEST_LONGER", secretValue+"-and-more")
	t.Setenv("AIM_TEST_LINES", "-- first line --\n-- second line --\n")
	t.Setenv("AIM_TEST_SHORT", "on")
	b := newBox(t, 1, func(b *box) { b.opts.Secrets = []string{"env:AIM_TEST_*"} })
	for _, name := range []string{"SECRET", "LONGER", "LINES", "SHORT"} {
		if _, err := b.secret("env:AIM_TEST_" + name); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"key is " + secretValue + ", twice " + secretValue, "key is [secret], twice [secret]"},
		{"long " + secretValue + "-and-more", "long [secret]"},
		{"-- second line --", "[secret]"},
		{"it is on", "it is on"},
		{"using " + token + " for the hub", "using [secret] for the hub"},
		{"hf_overrides={}, hf_token=" + token, "hf_overrides={}, hf_token=[secret]"},
		{"non-default args: {'api_key': ['sk-123'], 'port': 8000}", "non-default args: {'api_key': ['[secret]'], 'port': 8000}"},
		{"vllm serve --api-key sk-123 --port 8000", "vllm serve --api-key [secret] --port 8000"},
		{"VLLM_API_KEY=sk-123", "VLLM_API_KEY=[secret]"},
		{"Authorization: Bearer abc.def-1", "Authorization: Bearer [secret]"},
		{"the api_key is missing", "the api_key is missing"},
		{"GPU KV cache size: 577,856 tokens", "GPU KV cache size: 577,856 tokens"},
	} {
		if got := string(b.Redact([]byte(c.text))); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.text, got, c.want)
		}
	}
}

// A server that an earlier agent has started may print what this one has not
// resolved yet, as far as the settings name it.
func TestRedactKnowsTheNodesSecretsFromTheStart(t *testing.T) {
	t.Setenv("AIM_TEST_SECRET", secretValue)
	t.Setenv("AIM_TEST_TOKEN", "the-node's-own")
	b := newBox(t, 1, func(b *box) {
		b.opts.Secrets, b.opts.HubToken = []string{"env:AIM_TEST_SECRET", "env:AIM_TEST_UNSET"}, "env:AIM_TEST_TOKEN"
	})
	if got := string(b.Redact([]byte(secretValue + " the-node's-own"))); got != "[secret] [secret]" {
		t.Errorf("got %q", got)
	}
}

// Lines of the log that travel with a failure stay in workflow histories.
func TestFailuresCarryNoSecrets(t *testing.T) {
	t.Setenv("AIM_TEST_SECRET", secretValue)
	b := newBox(t, 1, func(b *box) { b.opts.Secrets = []string{"env:AIM_TEST_SECRET"} })
	b.mustClaim(identity("a"), b.gpu(0))
	r := rung(1, "hang")
	r.Model = "org/" + secretValue // which the server prints
	if _, err := b.start(identity("a"), r); err != nil {
		t.Fatal(err)
	}
	ready := begin(b, activities.AwaitReady, activities.ReadyRequest{Identity: identity("a"), Rung: r})
	b.logs(identity("a"), "load model org/"+secretValue)
	b.signal(identity("a"), syscall.SIGHUP)
	err := ready.wait(t)
	lines := strings.Join(activitytest.Failure(t, err, aim.ClassStart).LogLines, "\n")
	if strings.Contains(err.Error()+lines, secretValue) || !strings.Contains(lines, "load model org/[secret]") {
		t.Errorf("error %v, lines %q", err, lines)
	}
}

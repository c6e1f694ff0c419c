package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Obligation: a secret that a deployment names reaches its server's environment,
// from the place that the node's settings allow, and is seen nowhere else; one that
// they do not allow is refused with what to do.
func TestASecretReachesTheServer(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	deploy := func(name, ref string) (code int, said string) {
		t.Cleanup(func() { s.Aim(context.Background(), "stop", name) })
		r := s.Aim(ctx, "deploy", small, "--name", name, "--served-name", servedName(name), "--secret", "HF_TOKEN="+ref)
		return r.Code, r.Out + r.Err
	}
	if code, said := deploy("secret", "env:AIM_TEST_SECRET_TOKEN"); code != 0 {
		t.Fatalf("deploy ended with %d: %s", code, said)
	}
	servers := serversOf(t, s, "secret")
	if len(servers) != 1 {
		t.Fatalf("%d servers run: %+v", len(servers), servers)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", servers[0].PID))
	must(t, err)
	if !slices.Contains(strings.Split(string(environ), "\x00"), "HF_TOKEN="+testSecret) {
		t.Error("the server's environment has no HF_TOKEN")
	}
	for _, command := range [][]string{{"status", "secret", "-o", "json"}, {"events", "secret"}, {"logs", "secret"}} {
		if r := s.Aim(ctx, command...); strings.Contains(r.Out+r.Err, testSecret) {
			t.Errorf("aim %s tells the secret", strings.Join(command, " "))
		}
	}
	if code, said := deploy("secret-not", "env:AIM_TEST_OTHER"); code == 0 || !strings.Contains(said, "node.secrets") {
		t.Errorf("a secret that is not allowed: %d, %s", code, said)
	}
}

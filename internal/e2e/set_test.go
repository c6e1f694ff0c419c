package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// Obligation: a declared set is applied as a whole or not at all; applied again it
// changes nothing; what it declares no more ends when that is asked for, and nothing
// that it never declared.
func TestDeployASet(t *testing.T) {
	ctx, s := scenario(t, 2*time.Minute)
	names := []string{"set-a", "set-b", "set-c"}
	t.Cleanup(func() {
		for _, name := range append(names, "set-own") {
			_ = stack.Stop(context.WithoutCancel(ctx), s.Temporal(), name)
		}
	})
	apply(t, ctx, s, named("set-own", ""))
	awaitReady(t, ctx, s, "set-own")
	file := filepath.Join(t.TempDir(), "models.yaml")
	declare := func(documents ...string) {
		must(t, os.WriteFile(file, []byte(strings.Join(documents, "\n---\n")), 0o600))
	}
	one := func(name, more string) string {
		return "model: " + small + "\nname: " + name + "\nserved_name: " + servedName(name) + "\n" + more
	}

	declare(one("set-a", ""), one("set-b", "gpus: two"))
	r := s.Aim(ctx, "deploy", "-f", file)
	if r.Code != 2 || !strings.Contains(r.Err, file+":6") {
		t.Errorf("a set with a mistake ends with %d: %s", r.Code, r.Err)
	}
	if _, err := s.Status(ctx, "set-a"); err == nil {
		t.Error("a part of a set with a mistake was applied")
	}

	declare(one("set-a", ""), one("set-b", "replicas: 2"))
	r = s.Aim(ctx, "deploy", "-f", file)
	must(t, r.Error())
	checkSays(t, r.Err, "new     set-a", "new     set-b")
	if n := strings.Count(r.Out, "http://"); n != 3 {
		t.Errorf("%d addresses, want 3: %s", n, r.Out)
	}
	before := awaitReady(t, ctx, s, "set-b")
	r = s.Aim(ctx, "deploy", "-f", file)
	must(t, r.Error())
	checkSays(t, r.Err, "same    set-a", "same    set-b")

	declare(one("set-b", "replicas: 1"), one("set-c", ""))
	r = s.Aim(ctx, "deploy", "-f", file, "--dry-run")
	checkSays(t, r.Err, "stays   set-a", "change  set-b", "replicas", "new     set-c")
	if _, err := s.Status(ctx, "set-c"); err == nil {
		t.Error("a dry run has deployed")
	}
	r = s.Aim(ctx, "deploy", "-f", file)
	must(t, r.Error())
	awaitReady(t, ctx, s, "set-a") // it stays without --prune
	if now := awaitReady(t, ctx, s, "set-b"); now.UID != before.UID || len(now.Replicas) != 1 {
		t.Errorf("set-b is %+v", now)
	}
	r = s.Aim(ctx, "deploy", "-f", file, "--prune")
	if r.Code != 2 || !strings.Contains(r.Err, "--prune would end 1 deployment") {
		t.Errorf("without anybody to ask --prune ends with %d: %s", r.Code, r.Err)
	}
	must(t, s.Aim(ctx, "deploy", "-f", file, "--prune", "--yes").Error())
	if st, err := s.Status(ctx, "set-a"); err != nil || st.Phase != aim.Stopped {
		t.Errorf("set-a is %s, %v", st.Phase, err)
	}
	for _, name := range []string{"set-b", "set-c", "set-own"} {
		checkServes(t, s, awaitReady(t, ctx, s, name))
	}

	// Standard input, and a name given.
	cmd, said := command(ctx, s.Dir, nil, "deploy", "-f", "-", "--set", "models", "--prune", "--yes", "--detach")
	cmd.Stdin = strings.NewReader(one("set-c", ""))
	if err := cmd.Run(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
	must(t, stack.Eventually(ctx, func() (bool, error) {
		st, err := s.Status(ctx, "set-b")
		return err == nil && st.Phase == aim.Stopped, nil
	}))
	checkServes(t, s, awaitReady(t, ctx, s, "set-own"))
}

package node

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
)

const secretValue = "v3ry-s3cret-value"

// An allowed secret reaches the server's environment and nothing else.
func TestSecretsReachTheServerAlone(t *testing.T) {
	t.Setenv("AIM_TEST_SECRET", secretValue)
	b := newBox(t, 1, func(b *box) { b.opts.Secrets = []string{"env:AIM_TEST_*"} })
	b.mustClaim(identity("a"), b.gpu(0))
	_, err := call[activities.StartResult](b, activities.Start, activities.StartRequest{
		Identity: identity("a"), Rung: rung(1, ""), Secrets: map[string]string{"WANDB_API_KEY": "env:AIM_TEST_SECRET"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.awaitReady(identity("a"), rung(1, "")); err != nil { // the server is what it will be
		t.Fatal(err)
	}
	pid := fmt.Sprint(b.pid(identity("a")))
	of := func(file string) []byte {
		text, err := os.ReadFile(filepath.Join("/proc", pid, file))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if !bytes.Contains(of("environ"), []byte("WANDB_API_KEY="+secretValue)) {
		t.Error("the server has not got the secret")
	}
	if bytes.Contains(of("cmdline"), []byte(secretValue)) {
		t.Error("the secret is among the server's arguments")
	}
	if bytes.Contains(b.launchFile(identity("a")), []byte(secretValue)) {
		t.Error("the secret is in launch.json")
	}
}

func TestSecretsAreRefused(t *testing.T) {
	t.Setenv("AIM_TEST_SECRET", secretValue)
	t.Setenv("OTHER_SECRET", secretValue)
	b := newBox(t, 1, func(b *box) { b.opts.Secrets = []string{"env:AIM_TEST_*", "file:/run/secrets/*"} })
	b.mustClaim(identity("a"), b.gpu(0))
	for _, c := range []struct{ what, ref, want string }{
		{"not allowed", "env:OTHER_SECRET", "does not allow deployments to use secret env:OTHER_SECRET: its setting node.secrets does not name it"},
		{"above the allowed folder", "file:/run/secrets/../../etc/shadow", "does not allow deployments to use secret"},
		{"not set", "env:AIM_TEST_MISSING", "env:AIM_TEST_MISSING is not set on node n1"},
		{"not there", "file:/run/secrets/aim-test-missing", "cannot be read on node n1"},
		{"given by value", secretValue, "never by value"},
		{"empty", "", "never by value"},
	} {
		t.Run(c.what, func(t *testing.T) {
			_, err := call[activities.StartResult](b, activities.Start, activities.StartRequest{
				Identity: identity("a"), Rung: rung(1, ""), Secrets: map[string]string{"KEY": c.ref},
			})
			f := activitytest.Failure(t, err, aim.ClassInput, c.want)
			if strings.Contains(fmt.Sprint(err, f), secretValue) {
				t.Errorf("the value is part of the error: %v", err)
			}
		})
	}
}

func TestSecretFilesAreTrimmed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(secretValue+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBox(t, 1, func(b *box) { b.opts.Secrets = []string{"file:" + file} })
	if got, err := b.secret("file:" + file); err != nil || got != secretValue {
		t.Errorf("got %q, %v", got, err)
	}
}

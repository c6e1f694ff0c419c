package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/internal/schema"
)

// Obligation: what a command prints with -o json, of a deployment that serves, one
// that fails and one that waits, is what docs/output.schema.json says of it, and has no
// field that is not told there.
func TestAnswersAreWhatTheSchemaSays(t *testing.T) {
	ctx, s := scenario(t, 3*time.Minute)
	published, err := os.ReadFile(filepath.Join("..", "..", "docs", "output.schema.json"))
	must(t, err)
	closed, err := schema.Closed(published)
	must(t, err)
	told := map[string]bool{}
	check := func(t *testing.T, command string, r stack.Result) {
		t.Helper()
		of, text := command, r.Out
		if strings.TrimSpace(text) == "" {
			of, text = "error", r.Err
			t.Log(text)
		}
		told[of] = true
		if command == "aim ps" { // others have wished for what is no spec, and ps shows it as it was given
			text = onlyOf(t, text, "told")
		}
		c, err := schema.NewChecker(closed, schema.Definition(of))
		must(t, err)
		if err := c.JSON([]byte(text)); err != nil {
			t.Errorf("%s: %v\n%s", of, err, text)
		}
	}
	ask := func(command string, args ...string) {
		t.Helper()
		words := append(strings.Fields(command)[1:], args...)
		t.Run(strings.Join(words, " "), func(t *testing.T) {
			check(t, command, run(ctx, s.Dir, nil, append(words, "-o", "json")...))
		})
	}

	dir := t.TempDir()
	ask("aim plan", "Qwen/Qwen3-32B")
	ask("aim plan", "Qwen/Qwen3-32B", "--gpus", "3")
	ask("aim deploy", small, "--name", "told", "--replicas", "2")
	apply(t, ctx, s, spec("told-broken", "exit"))
	_, err = s.AwaitPhase(ctx, "told-broken", "Starting")
	must(t, err)
	full := spec("told-waits", "")
	full.GPUs, full.Replicas = 8, 3
	apply(t, ctx, s, full)
	awaitSays(t, ctx, s, "To make it fit", "status", full.Name)
	t.Cleanup(func() { _ = stack.Stop(context.WithoutCancel(ctx), s.Temporal(), "told") })

	ask("aim plan", small, "--name", "told", "--replicas", "3")
	for _, name := range []string{"told", "told-broken", "told-waits"} {
		ask("aim status", name)
		ask("aim events", name)
	}
	ask("aim status", "nosuch")
	ask("aim ps", "--all")
	ask("aim endpoints")
	ask("aim top")
	ask("aim stop", full.Name)
	ask("aim stop", "told-broken")
	ask("aim move", "told", "--replica", "0")
	ask("aim scale", "told", "1")
	ask("aim restart", "told")
	ask("aim deploy", small, "--name", "told", "--max-model-len", "4096", "--detach")
	ask("aim rollback", "told")
	ask("aim node list")
	ask("aim node show", "n1")
	ask("aim node cordon", "n2", "--why", "to see what is told")
	ask("aim node list")
	ask("aim node drain", "n2")
	ask("aim node uncordon", "n2")
	ask("aim node label", "n1", "rack=r1")
	ask("aim node label", "n1", "rack-")
	ask("aim node clear", "n1")
	ask("aim model fetch", small, "--node", "n1")
	ask("aim model list")
	ask("aim recipe list")
	ask("aim recipe show", "qwen3-32b-1xmi300x-fp8")
	recipe := filepath.Join(dir, "recipe.yaml")
	must(t, os.WriteFile(recipe, []byte("recipe_id: x\nmodel_id: a/b\n"), 0o600))
	ask("aim recipe validate", recipe)
	ask("aim recipe import", filepath.Join("..", "..", "recipes", "testdata", "import", "profile.yaml"))
	ask("aim estimate", "Qwen/Qwen3-32B")
	ask("aim estimate", "nosuch/model")
	ask("aim key create", "told", "--rpm", "5")
	ask("aim key list")
	ask("aim key show", "told")
	ask("aim key rotate", "told")
	run(ctx, s.Dir, nil, "key", "revoke", "told")
	run(ctx, s.Dir, nil, "alias", "set", "chat=told")
	ask("aim alias list")
	run(ctx, s.Dir, nil, "alias", "remove", "chat")
	ask("aim usage")
	ask("aim audit list")
	ask("aim audit verify")
	ask("aim gpu list", "--sysfs-root", filepath.Join(s.Dir, "simulated", "n1", "tree"))
	ask("aim doctor")
	ask("aim env")
	ask("aim version")
	ask("aim up", "--detach", "--simulate", "2x8")
	for _, name := range commandsTold(t, published) {
		if !told[name] {
			t.Errorf("nobody looked at what %s prints", name)
		}
	}
}

// onlyOf keeps the deployments of a list whose names begin so.
func onlyOf(t *testing.T, text, prefix string) string {
	t.Helper()
	var all []map[string]any
	must(t, json.Unmarshal([]byte(text), &all))
	all = slices.DeleteFunc(all, func(one map[string]any) bool {
		name, _ := one["name"].(string)
		return !strings.HasPrefix(name, prefix)
	})
	if len(all) < 3 {
		t.Errorf("%d deployments of %s are listed", len(all), prefix)
	}
	kept, err := json.Marshal(all)
	must(t, err)
	return string(kept)
}

// commandsTold are the entries of the schema that are commands, or errors.
func commandsTold(t *testing.T, published []byte) (names []string) {
	t.Helper()
	var doc struct {
		Definitions map[string]json.RawMessage `json:"$defs"`
	}
	must(t, json.Unmarshal(published, &doc))
	for name := range doc.Definitions {
		if name == "error" || strings.HasPrefix(name, "aim ") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
)

func TestStartNeedsTheClaim(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	_, err := b.start(identity("a"), rung(1, ""))
	activitytest.Failure(t, err, aim.ClassRefused, "has no claim on node n1")

	b.mustClaim(identity("a"), b.gpu(0))
	other := identity("a")
	other.Token = "of another attempt"
	_, err = b.start(other, rung(1, ""))
	activitytest.Failure(t, err, aim.ClassRefused, "has no claim on node n1")

	if err := b.ledger.Stopping(identity("a")); err != nil {
		t.Fatal(err)
	}
	_, err = b.start(identity("a"), rung(1, ""))
	activitytest.Failure(t, err, aim.ClassRefused, "has no claim on node n1")
	if len(b.list()) != 0 {
		t.Errorf("servers %+v were started", b.list())
	}
}

func TestStartFindsTheServerRunning(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	first := b.mustStart(identity("a"), "")
	before := b.list()
	again, err := b.start(identity("a"), rung(1, ""))
	if err != nil || again != first || !again.Simulated || again.Runtime != "process" {
		t.Errorf("again: %+v, %v; first %+v", again, err, first)
	}
	if after := b.list(); len(after) != 1 || after[0].ID != before[0].ID {
		t.Errorf("servers %+v, before %+v", after, before)
	}
}

// moved shows every GPU under another render node than the tree does, as after
// a reboot.
type moved struct{ GPUReader }

func (m moved) Detect(ctx context.Context) (aim.Detection, error) {
	d, err := m.GPUReader.Detect(ctx)
	for i := range d.GPUs {
		d.GPUs[i].RenderMinor = ptr(*d.GPUs[i].RenderMinor + 40)
	}
	return d, err
}

func TestStartGivesTheGPUsAsTheyAreNumberedNow(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	b.mustClaim(identity("a"), b.gpu(1))
	b.Node.ports.GPUs = moved{b.ports.GPUs}
	if _, err := b.start(identity("a"), rung(1, "")); err != nil {
		t.Fatal(err)
	}
	l, want := b.launch(identity("a")), b.tree.GPUs()[1].Render+40
	if len(l.GPUs) != 1 || l.GPUs[0].ID != b.gpu(1) || *l.GPUs[0].RenderMinor != want {
		t.Errorf("it was given %+v, want %s as render node %d", l.GPUs, b.gpu(1), want)
	}
}

// launch is what the runtime was asked to start.
func (b *box) launch(id aim.Identity) aim.Launch {
	b.t.Helper()
	var plan struct{ Launch aim.Launch }
	if err := json.Unmarshal(b.launchFile(id), &plan); err != nil {
		b.t.Fatal(err)
	}
	return plan.Launch
}

func (b *box) launchFile(id aim.Identity) []byte {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, "servers", id.Server(), "launch.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

func TestStartRefusesGPUsThatFailedMeanwhile(t *testing.T) {
	for _, c := range []struct {
		what  string
		plant func(b *box) error
		want  string
	}{
		{"gone", func(b *box) error { return b.tree.RemoveGPU(b.tree.GPUs()[0]) }, "is gone from node n1"},
		{"unhealthy", func(b *box) error { return b.tree.PlantError(b.tree.GPUs()[0], "gfx", 1, 0) }, "ras/gfx_err_count has ue 1"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 1)
			b.mustClaim(identity("a"), b.gpu(0))
			if err := c.plant(b); err != nil {
				t.Fatal(err)
			}
			_, err := b.start(identity("a"), rung(1, ""))
			activitytest.Failure(t, err, aim.ClassGPUFault, b.gpu(0), c.want)
		})
	}
}

// What a node refuses to start, whoever asks.
func TestStartRefuses(t *testing.T) {
	t.Setenv("AIM_TEST_SECRET", "a good secret")
	b := newBox(t, 1, func(b *box) {
		b.opts.Registries = []string{"docker.io/rocm", "docker.io/vllm"}
		b.opts.Secrets = []string{"env:AIM_TEST_*"}
	})
	b.mustClaim(identity("a"), b.gpu(0))
	for _, c := range []struct {
		what   string
		change func(*activities.StartRequest)
		class  aim.FailureClass
		want   string
	}{
		{"an image of another registry", func(r *activities.StartRequest) { r.Rung.Image = "evil.io/rocm/vllm:1" }, aim.ClassInput, "image evil.io/rocm/vllm:1 is not allowed here; allowed are docker.io/rocm"},
		{"an unknown backend", func(r *activities.StartRequest) { r.Rung.Backend = "tgi" }, aim.ClassInput, `backend "tgi" is not known`},
		{"an unknown option", func(r *activities.StartRequest) { r.Rung.Options = []aim.Option{{Name: "no-such-option"}} }, aim.ClassOption, "no-such-option"},
		{"a model folder that is not allowed", func(r *activities.StartRequest) { r.Rung.Model = "/etc" }, aim.ClassInput, "/etc is not below a folder that this node allows"},
		{"code before the server", func(r *activities.StartRequest) { r.Rung.Env["LD_PRELOAD"] = "/tmp/x.so" }, aim.ClassOption, "LD_PRELOAD"},
		{"other Python modules", func(r *activities.StartRequest) { r.Rung.Env["PYTHONPATH"] = "/tmp" }, aim.ClassOption, "PYTHONPATH"},
		{"other programs", func(r *activities.StartRequest) { r.Rung.Env["PATH"] = "/tmp" }, aim.ClassOption, "PATH"},
		{"other GPUs", func(r *activities.StartRequest) { r.Rung.Env["ROCR_VISIBLE_DEVICES"] = "0" }, aim.ClassOption, "ROCR_VISIBLE_DEVICES"},
		{"another cache", func(r *activities.StartRequest) { r.Rung.Env["HF_HOME"] = "/tmp" }, aim.ClassOption, "HF_HOME"},
		{"another hub", func(r *activities.StartRequest) { r.Rung.Env["HF_HUB_OFFLINE"] = "0" }, aim.ClassOption, "HF_HUB_OFFLINE"},
		{"another simulated machine", func(r *activities.StartRequest) { r.Rung.Env["AIM_SIM_ROOT"] = "/tmp" }, aim.ClassOption, "AIM_SIM_ROOT"},
		{"a script before the server", func(r *activities.StartRequest) { r.Rung.Env["BASH_ENV"] = "/tmp/x" }, aim.ClassOption, "BASH_ENV"},
		{"a plugin of a library", func(r *activities.StartRequest) { r.Rung.Env["NCCL_NET_PLUGIN"] = "x" }, aim.ClassInput, "NCCL_NET_PLUGIN"},
		{"another compiler", func(r *activities.StartRequest) { r.Rung.Env["CC"] = "/tmp/cc" }, aim.ClassInput, "CC"},
		{"a library of vLLM's", func(r *activities.StartRequest) { r.Rung.Env["VLLM_NCCL_SO_PATH"] = "/tmp/x.so" }, aim.ClassInput, "VLLM_NCCL_SO_PATH"},
		{"a secret that is a script", func(r *activities.StartRequest) { r.Secrets = map[string]string{"BASH_ENV": "env:AIM_TEST_SECRET"} }, aim.ClassInput, "BASH_ENV"},
		{"a file of the node", func(r *activities.StartRequest) {
			r.Rung.Options = []aim.Option{{Name: "chat-template", Value: "/etc/shadow"}}
		}, aim.ClassInput, "/etc/shadow"},
		{"a folder of the node", func(r *activities.StartRequest) { r.Rung.Options = []aim.Option{{Name: "tokenizer", Value: "/etc"}} }, aim.ClassInput, "/etc"},
		{"an adapter elsewhere", func(r *activities.StartRequest) {
			r.Rung.Options = []aim.Option{{Name: "lora-modules", Value: "x=/etc"}}
		}, aim.ClassInput, "/etc"},
		{"the same by a secret", func(r *activities.StartRequest) { r.Secrets = map[string]string{"LD_PRELOAD": "env:AIM_TEST_SECRET"} }, aim.ClassInput, "LD_PRELOAD"},
	} {
		t.Run(c.what, func(t *testing.T) {
			req := activities.StartRequest{Identity: identity("a"), Rung: rung(1, "")}
			c.change(&req)
			_, err := call[activities.StartResult](b, activities.Start, req)
			activitytest.Failure(t, err, c.class, c.want)
			if len(b.list()) != 0 {
				t.Errorf("servers %+v were started", b.list())
			}
		})
	}
}

func TestStartMountsAnAllowedModelFolder(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	model := filepath.Join(root, "mine")
	writeModel(t, model)
	b := newBox(t, 1, func(b *box) { b.opts.WeightRoots = []string{root} })
	b.mustClaim(identity("a"), b.gpu(0))
	r := rung(1, "")
	r.Model = model
	if _, err := b.start(identity("a"), r); err != nil {
		t.Fatal(err)
	}
	want := aim.Mount{Source: model, Target: model, ReadOnly: true}
	if l := b.launch(identity("a")); !slices.Contains(l.Mounts, want) {
		t.Errorf("mounts %+v, want %+v among them", l.Mounts, want)
	}
}

// What is checked is what is mounted and served, whatever becomes of a link.
func TestStartServesTheFolderThatWasChecked(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	version, current := filepath.Join(root, "v1"), filepath.Join(root, "current")
	writeModel(t, version)
	if err := os.Symlink("v1", current); err != nil {
		t.Fatal(err)
	}
	b := newBox(t, 1, func(b *box) { b.opts.WeightRoots = []string{root} })
	b.mustClaim(identity("a"), b.gpu(0))
	r := rung(1, "")
	r.Model = current
	if _, err := b.start(identity("a"), r); err != nil {
		t.Fatal(err)
	}
	l := b.launch(identity("a"))
	want := aim.Mount{Source: version, Target: version, ReadOnly: true}
	if !slices.Contains(l.Mounts, want) || !slices.Contains(l.Args, version) || slices.Contains(l.Args, current) {
		t.Errorf("mounts %+v, arguments %q; want %s in both", l.Mounts, l.Args, version)
	}
	if l.Model != r.ServedName {
		t.Errorf("it is served as %q, want %q", l.Model, r.ServedName)
	}
}

func writeModel(t *testing.T, folder string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config.json": "{}", "model.safetensors": tinyWeights} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tinyWeights is a safetensors file without a tensor.
const tinyWeights = "\x02\x00\x00\x00\x00\x00\x00\x00{}"

// The weights are complete before a server starts, so it need not ask the hub.
func TestStartSetsWhatTheServerNeeds(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustStart(identity("a"), "ready=1ms")
	env := b.launch(identity("a")).Env
	for name, want := range map[string]string{
		"HF_HOME": filepath.Join(b.dir, "cache"), "HF_HUB_OFFLINE": "1", "AIM_SIM_ROOT": b.tree.Root(), "AIM_SIMULATE": "ready=1ms",
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
}

// A server that dies at once is told by its log, whichever step sees it end.
func TestDeathAtStartHasItsRootCause(t *testing.T) {
	for _, class := range []aim.FailureClass{aim.ClassOOM, aim.ClassOption, aim.ClassKVNone} {
		t.Run(string(class), func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 1)
			b.mustClaim(identity("a"), b.gpu(0))
			if _, err := b.start(identity("a"), rung(1, string(class))); err != nil {
				activitytest.Failure(t, err, class)
			}
			_, err := b.awaitReady(identity("a"), rung(1, ""))
			f := activitytest.Failure(t, err, class)
			if len(f.LogLines) == 0 {
				t.Error("the failure has no line of the log")
			}
			b.eventually("it has ended", func() bool { return b.runs() == "" })
			_, err = b.start(identity("a"), rung(1, ""))
			activitytest.Failure(t, err, class)
		})
	}
}

// A death that the log does not explain keeps the last lines.
func TestUnexplainedDeathAtStartKeepsTheLog(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustStart(identity("a"), "hang")
	r := begin(b, activities.AwaitReady, activities.ReadyRequest{Identity: identity("a"), Rung: rung(1, "")})
	b.logs(identity("a"), "Loading safetensors")
	b.signal(identity("a"), syscall.SIGHUP)
	f := activitytest.Failure(t, r.wait(t), aim.ClassStart, "ended with code 129", "aim logs a --attempt 1")
	if !strings.Contains(strings.Join(f.LogLines, "\n"), "Loading safetensors") {
		t.Errorf("lines %q are not the last of the log", f.LogLines)
	}
}

// signal is sent to a server behind the agent's back.
func (b *box) signal(id aim.Identity, s syscall.Signal) {
	b.t.Helper()
	if err := syscall.Kill(b.pid(id), s); err != nil {
		b.t.Fatal(err)
	}
}

// pid is the process of a running server.
func (b *box) pid(id aim.Identity) int {
	b.t.Helper()
	for _, s := range b.list() {
		var pid int
		if _, err := fmt.Sscanf(s.ID, "%d@", &pid); err == nil && s.Running && s.Same(id) {
			return pid
		}
	}
	b.t.Fatalf("%s does not run", id.Server())
	return 0
}

// logs waits until a server has written this.
func (b *box) logs(id aim.Identity, text string) {
	b.t.Helper()
	b.eventually("its log says "+text, func() bool { return strings.Contains(b.log(id), text) })
}

// log is what a server has written so far.
func (b *box) log(id aim.Identity) string {
	b.t.Helper()
	r, err := b.Logs(b.t.Context(), id, aim.LogOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// Other models and the token file of the cache are none of a server's business.
func TestAServerSeesItsModelAlone(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	cache, err := b.ports.Hub("")
	if err != nil {
		t.Fatal(err)
	}
	hub := filepath.Join(cache.Cache(), "hub")
	for _, repository := range []string{"models--org--draft", "models--org--other"} {
		if err := os.MkdirAll(filepath.Join(hub, repository), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.mustClaim(identity("a"), b.gpu(0))
	r := rung(1, "")
	r.Options = []aim.Option{{Name: "speculative-config", Value: `{"method":"eagle","model":"org/draft"}`}}
	if _, err := b.start(identity("a"), r); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, m := range b.launch(identity("a")).Mounts {
		if name, ok := strings.CutPrefix(m.Source, cache.Cache()); ok {
			seen = append(seen, name)
			if !m.ReadOnly {
				t.Errorf("%s may be written", m.Source)
			}
		}
	}
	want := []string{"/hub/models--" + strings.ReplaceAll(r.Model, "/", "--"), "/hub/models--org--draft"}
	if !slices.Equal(seen, want) {
		t.Errorf("it sees %q of the cache, want %q", seen, want)
	}
}

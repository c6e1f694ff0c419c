package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/amdgpu"
	"github.com/aim-engine/aim/internal/backend/vllm"
	"github.com/aim-engine/aim/internal/hub"
	"github.com/aim-engine/aim/internal/ledger"
	"github.com/aim-engine/aim/internal/runtime/process"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/internal/simulator"
)

// within bounds every wait for something that must happen.
const within = 30 * time.Second

// ports gives every box a range of its own: two boxes of one test run would
// otherwise find the same port free.
var ports atomic.Int32

const portsOfBox = 8

// box is a node made of the real parts, on a simulated machine: GPU reader,
// process runtime, vLLM backend, hub and ledger. Only Temporal's word about
// owners is the test's.
type box struct {
	*Node   // the agent at hand
	t       *testing.T
	tree    *simulator.Tree
	dir     string // state of the node
	ports   Ports
	opts    Options
	ledger  *ledger.Ledger
	owners  *owners
	endLife context.CancelFunc // of the agent
}

// newBox makes a node with that many GPUs and starts its agent. change may
// alter parts and settings before.
func newBox(t *testing.T, gpus int, change ...func(*box)) *box {
	t.Helper()
	b := &box{t: t, dir: t.TempDir(), owners: &owners{answer: owned}}
	root := scratch(t)
	var err error
	if b.tree, err = simulator.CreateTree(root, "n1", gpus); err != nil {
		t.Fatal(err)
	}
	// The machine's processes, so that the reader can name strangers.
	if err := os.Symlink("/proc", filepath.Join(root, "proc")); err != nil {
		t.Fatal(err)
	}
	go b.tree.Reap(t.Context()) // ends with the test; a tree that is gone is no matter
	first := 23000 + int(ports.Add(1))*portsOfBox
	b.opts = Options{
		Node: settings.Node{
			ID: "n1", Address: "127.0.0.1", Ports: settings.Ports{First: first, Last: first + portsOfBox - 1},
			Level: aim.LevelCompat, Weights: settings.Weights{Cache: filepath.Join(b.dir, "cache")}, SimulateRoot: root,
			Grace: 5 * time.Second, Silence: time.Hour,
		},
		Host: "host1", Version: "test", Namespace: "ns", Stall: within, FreeWithin: within,
		Log: slog.New(slog.DiscardHandler),
	}
	b.ports = Ports{
		GPUs: amdgpu.New(root), Runtimes: []Runtime{b.newRuntime()}, Backends: map[string]Backend{"vllm": vllm.New()},
		Hub: b.offlineHub, Owners: b.owners, Machine: func() aim.Machine { return aim.Machine{CPUs: 8, BootID: "boot-1"} },
		Client: &http.Client{Timeout: 10 * time.Second},
	}
	for _, f := range change {
		f(b)
	}
	b.openLedger("boot-1")
	b.startAgent()
	t.Cleanup(b.clear)
	return b
}

// scratch is a folder in memory where there is one: trees are thousands of files.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "aim-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (b *box) newRuntime() *process.Runtime {
	b.t.Helper()
	r, err := process.New(settings.Node{Dir: b.dir, Commands: map[string][]string{"vllm": {os.Args[0], "serve"}}}, process.Options{
		Env: map[string]string{"GORACE": "atexit_sleep_ms=0"}, // under the race detector every program would end a second late
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *box) offlineHub(string) (Hub, error) {
	return hub.New(settings.Weights{Cache: b.opts.Cache, HubOffline: true, WeightRoots: b.opts.WeightRoots}, "")
}

// openLedger opens the ledger under this boot id. A program that another test is
// just starting has our files, lock included, between its fork and its exec.
func (b *box) openLedger(boot string) {
	b.t.Helper()
	var l *ledger.Ledger
	err := ledger.ErrInUse
	for deadline := time.Now().Add(within); errors.Is(err, ledger.ErrInUse) && time.Now().Before(deadline); {
		l, err = ledger.Open(filepath.Join(b.dir, "ledger"), boot)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.ledger, b.ports.Ledger = l, l
}

func (b *box) startAgent() {
	life, end := context.WithCancel(context.Background())
	b.endLife = end
	b.Node = New(life, b.ports, b.opts)
}

// restart ends the agent and starts another one over what is on disk, under
// this boot id. It reconciles, as agents do before they take work.
func (b *box) restart(boot string) {
	b.t.Helper()
	b.endLife()
	if err := b.ledger.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.ports.Runtimes = []Runtime{b.newRuntime()}
	b.openLedger(boot)
	b.startAgent()
	if err := b.Reconcile(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// clear ends the agent and whatever it has left running.
func (b *box) clear() {
	b.endLife()
	_ = b.ledger.Close()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for _, s := range b.list() {
		for _, r := range b.ports.Runtimes {
			if err := r.Stop(ctx, s.Identity, 0); err != nil {
				b.t.Errorf("server %s is left: %v", s.Name, err)
			}
		}
	}
}

// list is every server of the runtimes, running or ended.
func (b *box) list() []aim.Server {
	var all []aim.Server
	for _, r := range b.ports.Runtimes {
		servers, err := r.List(context.Background())
		if err != nil {
			b.t.Errorf("list servers: %v", err)
		}
		all = append(all, servers...)
	}
	return all
}

// gpu is the id of the i-th GPU.
func (b *box) gpu(i int) string { return b.tree.GPUs()[i].UUID }

// eventually waits until it is true.
func (b *box) eventually(what string, is func() bool) {
	b.t.Helper()
	deadline := time.After(within)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline:
			b.t.Fatalf("not within %s: %s; inventory %+v", within, what, b.Inventory())
		case <-tick.C:
		}
	}
}

// identity names the first attempt of the first replica of a deployment.
func identity(deployment string) aim.Identity {
	return aim.Identity{Deployment: deployment, UID: "uid-of-" + deployment, Attempt: 1, Token: "token-of-" + deployment}
}

// rung is a recipe for that many GPUs; simulate tells the stand-in what to do.
func rung(gpus int, simulate string) aim.Rung {
	return aim.Rung{
		Number: 1, Recipe: "r", Model: "org/model", ServedName: "org/model", Backend: "vllm", Image: "docker.io/rocm/vllm:1",
		GPUType: "MI300X", GPUs: gpus, Nodes: 1, Env: map[string]string{"AIM_SIMULATE": simulate},
	}
}

// owners is Temporal's word about claims.
type owners struct {
	mu     sync.Mutex
	answer func(aim.Identity) (aim.Ownership, error)
	asked  []string // deployments
}

func owned(aim.Identity) (aim.Ownership, error) { return aim.Ownership{Owned: true}, nil }

func (o *owners) Owner(_ context.Context, id aim.Identity) (aim.Ownership, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, id.Deployment)
	return o.answer(id)
}

func (o *owners) say(answer func(aim.Identity) (aim.Ownership, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = answer
}

func (o *owners) questions() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprint(o.asked)
}

// strangers are containers that are not ours: one, which was given a render node.
func strangers(who string, render int) func(context.Context) ([]aim.Stranger, error) {
	return func(context.Context) ([]aim.Stranger, error) {
		return []aim.Stranger{{Who: who, Renders: []string{fmt.Sprintf("renderD%d", render)}}}, nil
	}
}

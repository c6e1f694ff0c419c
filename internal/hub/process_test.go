package hub

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aim-engine/aim/internal/settings"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

// The test binary is also the programs that the tests start: one that fetches a
// model, and the hub that the benchmark fetches from.
func TestMain(m *testing.M) {
	switch os.Getenv("AIM_HUB_TEST") {
	case "fetch":
		os.Exit(fetchMain(os.Args[1], os.Args[2]))
	case "serve":
		os.Exit(serveMain())
	}
	os.Exit(m.Run())
}

func fetchMain(url, cache string) int {
	h, err := New(settings.Weights{Cache: cache, HubEndpoint: url}, "")
	if err == nil {
		var path string
		path, err = h.Fetch(context.Background(), model, "", nil)
		fmt.Println(path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := standin.New(only(standin.Model{ShardBytes: benchShardBytes}))
	url, err := server.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(url)
	server.Wait()
	return 0
}

// program starts this binary as one of the programs above.
func program(t testing.TB, role string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := new(bytes.Buffer)
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "AIM_HUB_TEST="+role)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

func TestADownloadThatIsKilledGoesOnWhereItWas(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 4 << 20}))
	server.Inject(standin.Fault{Path: shard1, Rate: 2 << 20, Times: 1})
	url, rec := serve(t, server)
	cache := t.TempDir()

	cmd, out := program(t, "fetch", url, cache)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The slow shard is the one of which a part stays for long.
	await(t, "the rest of the model is there and some of the slow shard", func() bool {
		return rec.bytes(shard2) > 4<<20 && len(parts(t, cache)) == 1 && parts(t, cache)[0] > 0
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatalf("it ended before it was killed: %s", out)
	}
	h := newHub(t, url, inCache(cache))
	notComplete(t, h, model)
	left := parts(t, cache)
	if len(left) != 1 {
		t.Fatalf("parts of %v bytes are left", left)
	}

	fetched(t, h, model)
	want := fmt.Sprintf("bytes=%d-", left[0])
	if got := rec.ranges[shard1]; len(got) != 1 || got[0] != want {
		t.Errorf("asked for %v, want %s", got, want)
	}
	if models, err := h.List(); err != nil || len(models) != 1 {
		t.Errorf("listed %v, %v", models, err)
	}
}

// parts are the sizes of the unfinished blobs.
func parts(t *testing.T, cache string) (sizes []int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(cache, "hub", "models--org--model", "blobs", "*.incomplete"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if st, err := os.Stat(name); err == nil { // it may just have become whole
			sizes = append(sizes, st.Size())
		}
	}
	return sizes
}

func TestTwoProcessesFetchEachByteOnce(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 500_000}))
	server.Inject(standin.Fault{Path: shard1, Rate: 1_000_000, Times: 1}) // so that the two meet
	url, rec := serve(t, server)
	cache := t.TempDir()

	var cmds []*exec.Cmd
	var outs []*bytes.Buffer
	for range 2 {
		cmd, out := program(t, "fetch", url, cache)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds, outs = append(cmds, cmd), append(outs, out)
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, outs[i])
		}
	}
	path := strings.TrimSpace(outs[0].String())
	if path != strings.TrimSpace(outs[1].String()) {
		t.Fatalf("paths %q and %q", outs[0], outs[1])
	}
	mustVerify(t, path)
	for _, name := range []string{shard1, shard2, "config.json", "tokenizer.json", safetensorsIndex} {
		st, err := os.Stat(filepath.Join(path, name))
		if err != nil || rec.bytes(name) != st.Size() {
			t.Errorf("%s: %d bytes sent, %v", name, rec.bytes(name), err)
		}
	}
}

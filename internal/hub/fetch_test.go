package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

func TestFetchMakesTheLayoutOfHuggingFace(t *testing.T) {
	url, _ := serve(t, standin.New(standin.Config{}))
	h := newHub(t, url)
	path := fetched(t, h, model)

	repo := filepath.Join(h.Cache(), "hub", "models--org--model")
	commit := filepath.Base(path)
	if filepath.Dir(path) != filepath.Join(repo, "snapshots") || !isCommit(commit) {
		t.Errorf("path %s", path)
	}
	if ref, err := os.ReadFile(filepath.Join(repo, "refs", "main")); err != nil || string(ref) != commit {
		t.Errorf("refs/main: %q, %v", ref, err)
	}
	for _, name := range []string{"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", safetensorsIndex, shard1, shard2} {
		target, err := os.Readlink(filepath.Join(path, name))
		if err != nil || !strings.HasPrefix(target, "../../blobs/") {
			t.Errorf("%s -> %q, %v", name, target, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(path, "README.md")); err == nil {
		t.Error("fetched a file that no server reads")
	}
	if left, _ := filepath.Glob(filepath.Join(repo, "blobs", "*.incomplete")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestACompleteModelCostsNoNetwork(t *testing.T) {
	url, rec := serve(t, standin.New(standin.Config{}))
	h := newHub(t, url)
	path := fetched(t, h, model)
	before := rec.count()

	var last aim.Progress
	again, err := h.Fetch(t.Context(), model, "main", func(p aim.Progress) { last = p })
	if err != nil || again != path {
		t.Errorf("%q, %v", again, err)
	}
	if err := h.CheckAccess(t.Context(), model, ""); err != nil {
		t.Errorf("access: %v", err)
	}
	commit := filepath.Base(path)
	if again, err := h.Fetch(t.Context(), model, commit, nil); err != nil || again != path {
		t.Errorf("by commit: %q, %v", again, err)
	}
	if n := rec.count() - before; n != 0 {
		t.Errorf("%d requests: %v", n, rec.requests[before:])
	}
	if last.Total == 0 || last.Done != last.Total || last.Step != "fetch" {
		t.Errorf("progress %+v", last)
	}
	off := newHub(t, "http://127.0.0.1:1", inCache(h.cache), offline)
	if again, err := off.Fetch(t.Context(), model, "", nil); err != nil || again != path {
		t.Errorf("offline: %q, %v", again, err)
	}
}

func TestProgressCountsEveryByteOnce(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 300_000}))
	server.Inject(standin.Fault{Path: shard1, CutAfter: 100_000, Times: 2})
	url, rec := serve(t, server)
	h := newHub(t, url)
	var seen []aim.Progress
	if _, err := h.Fetch(t.Context(), model, "", func(p aim.Progress) { seen = append(seen, p) }); err != nil {
		t.Fatal(err)
	}
	last := seen[len(seen)-1]
	if last.Done != last.Total || last.Total < 600_000 {
		t.Errorf("at the end %+v", last)
	}
	var sent int64
	for name, n := range rec.sent {
		if name != "main" { // the description
			sent += n
		}
	}
	if sent < last.Total {
		t.Errorf("%d bytes reported, %d sent", last.Total, sent)
	}
	for _, p := range seen {
		if p.Done < 0 || p.Total > 0 && p.Done > p.Total {
			t.Errorf("progress %+v", p)
		}
	}
}

func TestCallersForOneModelShareOneDownload(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 200_000}))
	server.Inject(standin.Fault{Path: shard1, Rate: 1_000_000, Times: 1}) // long enough to be joined
	url, rec := serve(t, server)
	h := newHub(t, url)
	second := newHub(t, url, inCache(h.cache)) // as another process: only the lock is shared

	paths := make([]string, 6)
	var all sync.WaitGroup
	for i := range paths {
		from := h
		if i%2 == 1 {
			from = second
		}
		all.Go(func() {
			path, err := from.Fetch(t.Context(), model, "", nil)
			if err != nil {
				t.Error(err)
			}
			paths[i] = path
		})
	}
	all.Wait()
	if len(slices.Compact(paths)) != 1 {
		t.Errorf("paths %v", paths)
	}
	mustVerify(t, paths[0])
	for _, name := range []string{shard1, shard2, "config.json", safetensorsIndex} {
		st, err := os.Stat(filepath.Join(paths[0], name))
		if err != nil || rec.bytes(name) != st.Size() {
			t.Errorf("%s: %d bytes sent, %v", name, rec.bytes(name), err)
		}
	}
}

func TestACallerThatLeavesDoesNotEndTheDownloadOfOthers(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 200_000}))
	server.Inject(standin.Fault{Path: shard1, Rate: 400_000, Times: 1})
	url, rec := serve(t, server)
	h := newHub(t, url)

	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := h.Fetch(ctx, model, "", nil); first <- err }()
	rec.until(t, "the first shard is on its way", func() bool { return rec.sent[shard1] > 0 })
	go func() { _, err := h.Fetch(t.Context(), model, "", nil); second <- err }()
	await(t, "the second caller waits", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, f := range h.flights {
			return f.waiters == 2
		}
		return false
	})
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first caller: %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("the second caller: %v", err)
	}
}

func TestACancelledDownloadStopsAndGoesOnLater(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 200_000}))
	server.Inject(standin.Fault{Path: shard1, Rate: 100_000, Times: 1})
	url, rec := serve(t, server)
	h := newHub(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := h.Fetch(ctx, model, "", nil); done <- err }()
	rec.until(t, "some bytes are sent", func() bool { return rec.sent[shard1] > 20_000 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	notComplete(t, h, model)
	fetched(t, h, model)
	if len(rec.ranges[shard1]) == 0 {
		t.Error("the second fetch started from the beginning")
	}
}

func TestEveryRevisionIsItsOwnSnapshotOverSharedBlobs(t *testing.T) {
	url, rec := serve(t, standin.New(only(standin.Model{Revisions: []string{"v2", "refs/pr/1"}})))
	h := newHub(t, url)
	main := fetched(t, h, model)
	for _, revision := range []string{"v2", "refs/pr/1"} {
		path, err := h.Fetch(t.Context(), model, revision, nil)
		if err != nil {
			t.Fatalf("%s: %v", revision, err)
		}
		if path == main {
			t.Errorf("%s has the path of main", revision)
		}
		mustVerify(t, path)
		ref, err := os.ReadFile(filepath.Join(h.cache, "hub", "models--org--model", "refs", revision))
		if err != nil || string(ref) != filepath.Base(path) {
			t.Errorf("ref %s: %q, %v", revision, ref, err)
		}
	}
	st, err := os.Stat(filepath.Join(main, shard1))
	if err != nil || rec.bytes(shard1) != st.Size() {
		t.Errorf("%d bytes of %s sent, %v", rec.bytes(shard1), shard1, err)
	}
}

func TestADiskTooSmallIsRefusedBeforeTheFirstWeight(t *testing.T) {
	url, rec := serve(t, standin.New(only(standin.Model{ShardBytes: 100_000})))
	h := newHub(t, url)
	h.free = func(*os.Root) (uint64, error) { return 50_000, nil }
	_, err := h.Fetch(t.Context(), model, "", nil)
	f := failure(t, err, aim.ClassDisk)
	if f.NeededBytes < 200_000 || f.AvailableBytes != 50_000 {
		t.Errorf("numbers %d of %d", f.AvailableBytes, f.NeededBytes)
	}
	if rec.bytes(shard1)+rec.bytes(shard2) != 0 {
		t.Error("weights were asked for")
	}
	notComplete(t, h, model)

	h.free = freeBytes
	fetched(t, h, model)
}

func TestADiskThatFillsUpOnTheWayIsAFailureOfDisk(t *testing.T) {
	h := newHub(t, "http://127.0.0.1:1")
	h.free = func(*os.Root) (uint64, error) { return 4096, nil }
	for _, errno := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := fmt.Errorf("file x: %w", diskError{&os.PathError{Op: "write", Path: "x", Err: errno}})
		if passing(err) {
			t.Errorf("%v would be tried again", err)
		}
		if f := failure(t, h.explain(t.Context(), repo{id: model}, err), aim.ClassDisk); f.AvailableBytes != 4096 {
			t.Errorf("%d bytes available", f.AvailableBytes)
		}
	}
}

func TestFreeBytesReadsTheFileSystem(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if n, err := freeBytes(root); err != nil || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestBadNamesAreRefused(t *testing.T) {
	h := newHub(t, "http://127.0.0.1:1")
	for _, c := range [][2]string{
		{"", ""}, {"../x", ""}, {"a/b/c", ""}, {"a--b/c", ""}, {"a/..", ""}, {"a/b c", ""}, {"-a/b", ""},
		{model, "../main"}, {model, "/main"}, {model, "a b"}, {model, "a/../b"}, {model, "-x"},
	} {
		_, err := h.Fetch(t.Context(), c[0], c[1], nil)
		var f *aim.Failure
		if !errors.As(err, &f) || f.Class != aim.ClassInput {
			t.Errorf("%q at %q: %v", c[0], c[1], err)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for name, c := range map[string]settings.Weights{
		"no cache":      {},
		"bad endpoint":  {Cache: t.TempDir(), HubEndpoint: "ftp://x"},
		"no host":       {Cache: t.TempDir(), HubEndpoint: "https://"},
		"relative root": {Cache: t.TempDir(), WeightRoots: []string{"models"}},
	} {
		if _, err := New(c, ""); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

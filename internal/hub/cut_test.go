package hub

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

func TestACutConnectionIsResumed(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 100_000}))
	server.Inject(standin.Fault{Path: shard1, CutAfter: 30_000, Times: 3})
	url, rec := serve(t, server)
	fetched(t, newHub(t, url), model)
	want := []string{"bytes=30000-", "bytes=60000-", "bytes=90000-"}
	if got := rec.ranges[shard1]; strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("asked for %v, want %v", got, want)
	}
}

func TestAHubThatCutsForEverIsGivenUpWithWhatHasArrivedKept(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 100_000}))
	server.Inject(standin.Fault{Path: shard1, CutAfter: 1000})
	url, rec := serve(t, server)
	h := newHub(t, url)
	_, err := h.Fetch(t.Context(), model, "", nil)
	if f := failure(t, err, aim.ClassWeights); !strings.Contains(f.Why, shard1) || !strings.Contains(f.Hint, "kept") {
		t.Errorf("why %q, hint %q", f.Why, f.Hint)
	}
	if n := len(rec.ranges[shard1]); n != quick.tries-1 {
		t.Errorf("%d attempts after the first, want %d", n, quick.tries-1)
	}
	parts, _ := filepath.Glob(filepath.Join(h.cache, "hub", "models--org--model", "blobs", "*.incomplete"))
	if len(parts) == 0 {
		t.Fatal("nothing is kept")
	}
	notComplete(t, h, model)
}

func TestAnAttemptThatGetsFarIsNotCountedAgainstTheHub(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 8 << 20}))
	server.Inject(standin.Fault{Path: shard1, CutAfter: worthwhile}) // for ever, more often than tries
	url, _ := serve(t, server)
	fetched(t, newHub(t, url), model)
}

func TestWrongBytesAreDiscardedAndAskedForOnceMore(t *testing.T) {
	for _, name := range []string{shard1, "config.json", safetensorsIndex} {
		t.Run(name, func(t *testing.T) {
			server := standin.New(standin.Config{})
			server.Inject(standin.Fault{Path: "/" + name, Corrupt: true, Times: 1})
			url, rec := serve(t, server)
			path := fetched(t, newHub(t, url), model)
			st, err := os.Stat(filepath.Join(path, name))
			if err != nil || rec.bytes(name) != 2*st.Size() {
				t.Errorf("%d bytes sent, %v", rec.bytes(name), err)
			}
		})
	}
}

func TestBytesThatStayWrongAreAFailureOfWeights(t *testing.T) {
	server := standin.New(standin.Config{})
	server.Inject(standin.Fault{Path: shard2, Corrupt: true})
	url, _ := serve(t, server)
	h := newHub(t, url)
	_, err := h.Fetch(t.Context(), model, "", nil)
	if f := failure(t, err, aim.ClassWeights); !strings.Contains(f.Why, shard2) || !strings.Contains(f.Why, "hash") {
		t.Errorf("why %q", f.Why)
	}
	notComplete(t, h, model)
}

func TestADamagedPartIsFoundAndReplaced(t *testing.T) {
	url, _ := serve(t, standin.New(standin.Config{}))
	h := newHub(t, url)
	path := fetched(t, h, model)
	blob, err := filepath.EvalSymlinks(filepath.Join(path, shard1))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"rubbish":        strings.Repeat("x", 5000),
		"longer than it": strings.Repeat("x", 50_000),
	} {
		if err := os.Remove(blob); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(blob+".incomplete", []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			notComplete(t, h, model)
			fetched(t, h, model)
		})
	}
}

func TestAServerWithoutRangesIsReadFromTheStart(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 100_000}))
	server.Inject(standin.Fault{Path: shard1, CutAfter: 50_000, Times: 1})
	server.Inject(standin.Fault{Path: shard1, NoRange: true})
	url, rec := serve(t, server)
	h := newHub(t, url)
	var last aim.Progress
	if _, err := h.Fetch(t.Context(), model, "", func(p aim.Progress) { last = p }); err != nil {
		t.Fatal(err)
	}
	if rec.bytes(shard1) < 150_000 || last.Done != last.Total {
		t.Errorf("%d bytes sent, progress %+v", rec.bytes(shard1), last)
	}
}

func TestABusyHubIsAskedAgain(t *testing.T) {
	server := standin.New(standin.Config{})
	server.Inject(standin.Fault{Path: "revision/main", Status: http.StatusServiceUnavailable, Times: 2})
	server.Inject(standin.Fault{Path: "config.json", Status: http.StatusTooManyRequests, Times: 2})
	url, _ := serve(t, server)
	fetched(t, newHub(t, url), model)
}

func TestAHubThatStaysBusyIsAFailureOfWeights(t *testing.T) {
	server := standin.New(standin.Config{})
	server.Inject(standin.Fault{Status: http.StatusServiceUnavailable})
	url, _ := serve(t, server)
	h := newHub(t, url)
	_, err := h.Fetch(t.Context(), model, "", nil)
	if f := failure(t, err, aim.ClassWeights); !strings.Contains(f.Why, "503") {
		t.Errorf("why %q", f.Why)
	}
	failure(t, h.CheckAccess(t.Context(), model, ""), aim.ClassWeights)
}

func TestASilentConnectionIsCutAndResumed(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 100_000}))
	server.Inject(standin.Fault{Path: shard1, Rate: 1, Times: 1}) // the next byte comes in an hour
	url, rec := serve(t, server)
	h := newHub(t, url)
	h.pace.stall = 300 * time.Millisecond
	fetched(t, h, model)
	if len(rec.ranges[shard1]) == 0 {
		t.Error("the silent connection was waited for")
	}
}

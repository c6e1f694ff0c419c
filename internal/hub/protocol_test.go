package hub

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

// tamper changes the answers for one file.
func tamper(name string, change func(w http.ResponseWriter, r *http.Request) (done bool)) http.Handler {
	next := standin.New(standin.Config{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/"+name) && change(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

func TestAnAnswerForAnotherFileIsNotWritten(t *testing.T) {
	url, rec := serve(t, tamper(shard1, func(w http.ResponseWriter, r *http.Request) bool {
		w.Write([]byte("<html>log in to the guest network</html>"))
		return true
	}))
	h := newHub(t, url)
	_, err := h.Fetch(t.Context(), model, "", nil)
	if f := failure(t, err, aim.ClassWeights); !strings.Contains(f.Why, "makes no sense") {
		t.Errorf("why %q", f.Why)
	}
	if n := strings.Count(strings.Join(rec.requests, " "), shard1); n != 1 {
		t.Errorf("asked %d times", n)
	}
	for _, n := range parts(t, h.cache) {
		if n != 0 {
			t.Errorf("%d bytes were written", n)
		}
	}
}

func TestAWrongRangeIsNotWritten(t *testing.T) {
	url, _ := serve(t, tamper(shard1, func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Range", "bytes 0-9/10")
		w.WriteHeader(http.StatusPartialContent)
		w.Write([]byte("0123456789"))
		return true
	}))
	_, err := newHub(t, url).Fetch(t.Context(), model, "", nil)
	failure(t, err, aim.ClassWeights) // a range that nobody has asked for
}

func TestARangeThatIsRefusedStartsTheFileAgain(t *testing.T) {
	refused := false
	url, _ := serve(t, tamper(shard1, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Range") == "" {
			return false
		}
		refused = true
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return true
	}))
	h := newHub(t, url)
	path := fetched(t, h, model)
	blob, err := filepath.EvalSymlinks(filepath.Join(path, shard1))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(blob, blob+".incomplete"); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(blob+".incomplete", 1000); err != nil {
		t.Fatal(err)
	}
	fetched(t, h, model)
	if !refused {
		t.Error("no range was asked for")
	}
}

func TestABlobThatAnotherToolIsFetchingIsWaitedFor(t *testing.T) {
	url, _ := serve(t, standin.New(standin.Config{}))
	blob := filepath.Base(readlink(t, filepath.Join(fetched(t, newHub(t, url), model), shard1)))

	h := newHub(t, url)
	lock := filepath.Join(h.cache, "hub", ".locks", "models--org--model", blob+".lock")
	write(t, lock, nil)
	theirs, err := os.Open(lock)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if err := syscall.Flock(int(theirs.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var released bool
	_, err = h.Fetch(ctx, model, "", func(p aim.Progress) {
		if strings.Contains(p.Note, shard1) && !released {
			released = true
			theirs.Close()
		}
	})
	if err != nil || !released {
		t.Errorf("%v; waited: %v", err, released)
	}
}

func readlink(t *testing.T, name string) string {
	t.Helper()
	target, err := os.Readlink(name)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// Whatever uses flock(2) on a blob, as huggingface_hub does, and we keep each
// other out.
func TestABlobIsLockedAsHuggingFaceHubLocksIt(t *testing.T) {
	h := newHub(t, "http://127.0.0.1:1")
	s, err := h.open(repo{id: model})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	unlock, err := s.lock(t.Context(), "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.OpenFile(filepath.Join(s.dir, s.lockFile("x")), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("another program gets %v", err)
	}
	unlock()
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Errorf("after unlock: %v", err)
	}
}

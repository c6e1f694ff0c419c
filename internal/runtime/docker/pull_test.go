package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// shelf is a registry on the loopback (which daemons speak plain HTTP to) with
// one image: aim-test/shelf:v1, in two layers.
type shelf struct {
	*httptest.Server
	blobs    map[string][]byte // by digest
	manifest []byte
	user     string       // needed for everything, unless ""
	refs     atomic.Int32 // manifests asked for
}

const layerBytes = 2 << 20

func newShelf(t *testing.T, user string) *shelf {
	t.Helper()
	s := &shelf{blobs: map[string][]byte{}, user: user}
	type blob struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	add := func(kind string, data []byte) blob {
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
		s.blobs[digest] = data
		return blob{"application/vnd.docker." + kind, digest, len(data)}
	}
	var layers []blob
	var diffs []string
	for range 2 {
		text := randomTar(t)
		layers = append(layers, add("image.rootfs.diff.tar", text))
		diffs = append(diffs, fmt.Sprintf("sha256:%x", sha256.Sum256(text)))
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.manifest, err = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
		"config": add("container.image.v1+json", config), "layers": layers,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// randomTar is a layer that no daemon has yet.
func randomTar(t *testing.T) []byte {
	t.Helper()
	data := make([]byte, layerBytes)
	rand.Read(data)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	w.WriteHeader(&tar.Header{Name: fmt.Sprintf("data-%x", data[:4]), Mode: 0o644, Size: layerBytes})
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (s *shelf) ref(tag string) string { return s.Listener.Addr().String() + "/aim-test/shelf" + tag }

func (s *shelf) digest() string { return fmt.Sprintf("sha256:%x", sha256.Sum256(s.manifest)) }

// ServeHTTP is as much of the registry protocol as a pull needs.
func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, _, _ := r.BasicAuth(); user != s.user {
		w.Header().Set("WWW-Authenticate", `Basic realm="shelf"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	kind, name := "", ""
	if rest, ok := strings.CutPrefix(r.URL.Path, "/v2/aim-test/shelf/"); ok {
		kind, name, _ = strings.Cut(rest, "/")
	}
	switch {
	case r.URL.Path == "/v2/":
	case kind == "manifests" && (name == "v1" || name == s.digest()):
		s.refs.Add(1)
		w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")
		w.Header().Set("Docker-Content-Digest", s.digest())
		w.Write(s.manifest)
	case kind == "blobs" && s.blobs[name] != nil:
		s.slowly(w, s.blobs[name])
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`)
	}
}

// slowly sends a blob as a real line would: the daemon tells of layers in
// progress every 100 ms, and of faster ones nothing.
func (s *shelf) slowly(w http.ResponseWriter, blob []byte) {
	const pieces = 4
	w.Header().Set("Content-Length", strconv.Itoa(len(blob)))
	for i := range pieces {
		w.Write(blob[len(blob)*i/pieces : len(blob)*(i+1)/pieces])
		w.(http.Flusher).Flush()
		time.Sleep(150 * time.Millisecond)
	}
}

// pull pulls and, at the end of the test, removes what has come.
func pull(t *testing.T, rt *Runtime, ref string) ([]aim.Progress, error) {
	t.Helper()
	var seen []aim.Progress
	err := rt.Pull(t.Context(), ref, func(p aim.Progress) { seen = append(seen, p) })
	if here, inspectErr := rt.api.ImageInspect(t.Context(), ref); inspectErr == nil {
		t.Cleanup(func() {
			if has, _ := rt.HasImage(context.Background(), here.ID); has {
				removeImage(t, rt, here.ID)
			}
		})
	}
	return seen, err
}

func TestPull(t *testing.T) {
	rt := newDaemon(t).open(t)
	for name, ref := range map[string]func(*shelf) string{
		"by tag":            func(s *shelf) string { return s.ref(":v1") },
		"by digest":         func(s *shelf) string { return s.ref("@" + s.digest()) },
		"by tag and digest": func(s *shelf) string { return s.ref(":v1@" + s.digest()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, "")
			if here, err := rt.HasImage(t.Context(), ref(s)); err != nil || here {
				t.Fatalf("before the pull: %v, %v", here, err)
			}
			seen, err := pull(t, rt, ref(s))
			if err != nil {
				t.Fatal(err)
			}
			if here, err := rt.HasImage(t.Context(), ref(s)); err != nil || !here {
				t.Errorf("after the pull: %v, %v", here, err)
			}
			checkProgress(t, seen)
			asked := s.refs.Load()
			if seen, err := pull(t, rt, ref(s)); err != nil || len(seen) > 0 || s.refs.Load() != asked {
				t.Errorf("pulled again: %v, %v, asked %d times more", seen, err, s.refs.Load()-asked)
			}
		})
	}
}

func checkProgress(t *testing.T, seen []aim.Progress) {
	t.Helper()
	if len(seen) == 0 {
		t.Fatal("no progress")
	}
	var last aim.Progress
	for _, p := range seen {
		if p.Step != "pull" || p.Done < last.Done || p.Done > p.Total {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
	}
	if last.Done != last.Total || last.Total < 2*layerBytes {
		t.Errorf("ended with %+v", last)
	}
}

func TestPullFailures(t *testing.T) {
	d := newDaemon(t)
	rt := d.open(t)
	for name, c := range map[string]struct {
		class aim.FailureClass
		user  string
		ref   func(s *shelf) string
	}{
		"credentials needed": {aim.ClassAuth, "me", func(s *shelf) string { return s.ref(":v1") }},
		"no such tag":        {aim.ClassMissing, "", func(s *shelf) string { return s.ref(":v2") }},
		"no such digest":     {aim.ClassMissing, "", func(s *shelf) string { return s.ref("@sha256:" + strings.Repeat("0", 64)) }},
		"nobody there":       {aim.ClassImage, "", func(s *shelf) string { s.Close(); return s.ref(":v1") }},
		"not a name":         {aim.ClassInput, "", func(*shelf) string { return "a//b" }},
		"no name to daemons": {aim.ClassInput, "", func(*shelf) string { return "UPPER/case" }},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pull(t, rt, c.ref(newShelf(t, c.user)))
			if fail := aim.FailureOf(err); fail == nil || fail.Class != c.class {
				t.Errorf("%v, want class %s", err, c.class)
			}
		})
	}
}

func TestPullWithCredentials(t *testing.T) {
	d := newDaemon(t)
	s := newShelf(t, "me")
	d.opts.DockerConfig = filepath.Join(t.TempDir(), "config.json")
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, s.Listener.Addr(), base64.StdEncoding.EncodeToString([]byte("me:pass")))
	if err := os.WriteFile(d.opts.DockerConfig, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pull(t, d.open(t), s.ref(":v1")); err != nil {
		t.Error(err)
	}
}

func TestPullEndsWithItsContext(t *testing.T) {
	rt := newDaemon(t).open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := rt.Pull(ctx, newShelf(t, "").ref(":v1"), func(aim.Progress) {})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("pull: %v", err)
	}
}

func TestPullFailureClasses(t *testing.T) {
	for text, want := range map[string]aim.FailureClass{
		"write /var/lib/docker/tmp/x: no space left on device":                            aim.ClassDisk,
		"toomanyrequests: You have reached your unauthenticated pull rate limit":          aim.ClassImage,
		"pull access denied for a/b, repository does not exist or may require login":      aim.ClassAuth,
		"Head \"https://ghcr.io/v2/a/manifests/b\": unauthorized":                         aim.ClassAuth,
		"manifest for rocm/vllm:x not found: manifest unknown: manifest unknown":          aim.ClassMissing,
		"no matching manifest for linux/amd64 in the manifest list entries":               aim.ClassMissing,
		"Get \"https://r/v2/\": dial tcp: lookup r: Temporary failure in name resolution": aim.ClassImage,
		"Get \"https://r/v2/\": net/http: TLS handshake timeout":                          aim.ClassImage,
		"received unexpected HTTP status: 503 Service Unavailable":                        aim.ClassImage,
		"unexpected EOF": aim.ClassImage,
	} {
		fail := aim.FailureOf(pullFailure(errors.New(text), "a/b:c", credentials{}))
		if fail.Class != want || fail.Hint == "" || !strings.Contains(fail.Why, "a/b:c") {
			t.Errorf("%s: %s", text, fail.Text())
		}
	}
}

func TestFollow(t *testing.T) {
	report := strings.Join([]string{
		`{"status":"Pulling from a/b","id":"v1"}`,
		`{"status":"Already exists","progressDetail":{},"id":"l0"}`,
		`{"status":"Downloading","progressDetail":{"current":10,"total":100},"id":"l1"}`,
		`{"status":"Downloading","progressDetail":{"current":5,"total":50},"id":"l2"}`,
		`{"status":"Downloading","progressDetail":{"current":40,"total":100},"id":"l1"}`,
		`{"status":"Download complete","progressDetail":{},"id":"l1"}`,
		`{"status":"Extracting","progressDetail":{"current":1,"total":100},"id":"l1"}`,
		`{"status":"Pull complete","progressDetail":{},"id":"l2"}`,
	}, "\n")
	var seen []aim.Progress
	if err := follow(strings.NewReader(report), func(p aim.Progress) { seen = append(seen, p) }); err != nil {
		t.Fatal(err)
	}
	// The first line is the empty sum: the pull has begun.
	checkSums(t, seen, [][2]int64{{0, 0}, {10, 100}, {15, 150}, {45, 150}, {105, 150}, {105, 150}, {150, 150}})
	for name, text := range map[string]string{
		"an error":   `{"errorDetail":{"message":"x"},"error":"no space left on device"}`,
		"half a one": `{"status":"Down`,
		"not JSON":   `<html>`,
	} {
		if err := follow(strings.NewReader(text), func(aim.Progress) {}); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
}

func checkSums(t *testing.T, seen []aim.Progress, want [][2]int64) {
	t.Helper()
	var got [][2]int64
	for _, p := range seen {
		got = append(got, [2]int64{p.Done, p.Total})
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sums %v, want %v", got, want)
	}
}

func FuzzFollow(f *testing.F) {
	f.Add([]byte(`{"status":"Downloading","progressDetail":{"current":10,"total":100},"id":"l1"}`))
	f.Add([]byte(`{"status":"Downloading","progressDetail":{"current":-1,"total":-9},"id":"l1"}{"status":"Pull complete","id":"l1"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var last int64
		follow(bytes.NewReader(text), func(p aim.Progress) {
			if p.Done < last || p.Done > p.Total {
				t.Errorf("%+v after %d bytes", p, last)
			}
			last = p.Done
		})
	})
}

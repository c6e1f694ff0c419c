package hub_test

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aim-engine/aim/internal/simulator/hub"
)

// start serves a stand-in for the length of the test.
func start(t *testing.T, c hub.Config) (*hub.Server, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := hub.New(c)
	url, err := s.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); s.Wait() })
	return s, url
}

// client does not follow redirects, so that tests see them.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// ask sends one request; header has "Key: value" lines.
func ask(t *testing.T, method, url string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		key, value, _ := strings.Cut(h, ": ")
		req.Header.Set(key, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp, body
}

type modelInfo struct {
	SHA      string `json:"sha"`
	Gated    any    `json:"gated"`
	Siblings []struct {
		Name   string `json:"rfilename"`
		Size   int64  `json:"size"`
		BlobID string `json:"blobId"`
		LFS    *struct {
			SHA256 string `json:"sha256"`
			Size   int64  `json:"size"`
		} `json:"lfs"`
	} `json:"siblings"`
}

func describe(t *testing.T, url, id string) modelInfo {
	t.Helper()
	_, body := ask(t, "GET", url+"/api/models/"+id+"/revision/main?blobs=true")
	var in modelInfo
	if err := json.Unmarshal(body, &in); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return in
}

func TestEveryFileHasTheHashAndSizeItIsAnnouncedWith(t *testing.T) {
	_, url := start(t, hub.Config{})
	in := describe(t, url, "org/model")
	if len(in.Siblings) < 7 {
		t.Fatalf("only %d files", len(in.Siblings))
	}
	for _, f := range in.Siblings {
		resp, body := ask(t, "GET", url+"/org/model/resolve/"+in.SHA+"/"+f.Name)
		if int64(len(body)) != f.Size {
			t.Errorf("%s: %d bytes, announced %d", f.Name, len(body), f.Size)
		}
		want := f.BlobID
		sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(body), body))
		got := hex.EncodeToString(sum[:])
		if f.LFS != nil {
			sum := sha256.Sum256(body)
			got, want = hex.EncodeToString(sum[:]), f.LFS.SHA256
			if resp.Header.Get("X-Linked-Etag") != `"`+want+`"` || resp.Header.Get("X-Linked-Size") != fmt.Sprint(f.Size) {
				t.Errorf("%s: linked headers %v", f.Name, resp.Header)
			}
		}
		if got != want || resp.Header.Get("ETag") != `"`+want+`"` {
			t.Errorf("%s: hash %s, announced %s, etag %s", f.Name, got, want, resp.Header.Get("ETag"))
		}
		if resp.Header.Get("X-Repo-Commit") != in.SHA {
			t.Errorf("%s: commit %q", f.Name, resp.Header.Get("X-Repo-Commit"))
		}
	}
}

func TestTheSameModelIsTheSameAtEveryStart(t *testing.T) {
	_, one := start(t, hub.Config{})
	_, two := start(t, hub.Config{})
	a, b := describe(t, one, "org/model"), describe(t, two, "org/model")
	if fmt.Sprint(a) == fmt.Sprint(describe(t, one, "org/other")) {
		t.Error("two models are the same")
	}
	for i := range a.Siblings {
		if a.Siblings[i].BlobID != b.Siblings[i].BlobID {
			t.Errorf("%s differs", a.Siblings[i].Name)
		}
	}
}

func TestShardsAreValidSafetensors(t *testing.T) {
	_, url := start(t, hub.Config{Lookup: func(string) (hub.Model, bool) { return hub.Model{ShardBytes: 200_001}, true }})
	_, body := ask(t, "GET", url+"/m/resolve/main/model-00001-of-00002.safetensors")
	n := binary.LittleEndian.Uint64(body)
	var header map[string]struct {
		Dtype   string  `json:"dtype"`
		Shape   []int64 `json:"shape"`
		Offsets []int64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(body[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	tensor := header["model.embed_tokens.weight"]
	if tensor.Dtype != "BF16" || tensor.Shape[0]*2 != tensor.Offsets[1] || int64(len(body)) != 8+int64(n)+tensor.Offsets[1] {
		t.Errorf("tensor %+v in %d bytes with a header of %d", tensor, len(body), n)
	}
	if n%8 != 0 {
		t.Errorf("tensors start at %d, not aligned", n+8)
	}
}

func TestRangesAreThePiecesOfTheWhole(t *testing.T) {
	_, url := start(t, hub.Config{Lookup: func(string) (hub.Model, bool) { return hub.Model{ShardBytes: 300_000}, true }})
	file := url + "/org/model/resolve/main/model-00002-of-00002.safetensors"
	_, whole := ask(t, "GET", file)
	for _, from := range []int{1, 100, 65_530, 131_200, len(whole) - 1} {
		resp, rest := ask(t, "GET", file, fmt.Sprintf("Range: bytes=%d-", from))
		if resp.StatusCode != http.StatusPartialContent || string(rest) != string(whole[from:]) {
			t.Errorf("range from %d: status %d, %d bytes", from, resp.StatusCode, len(rest))
		}
	}
	if resp, _ := ask(t, "GET", file, fmt.Sprintf("Range: bytes=%d-", len(whole))); resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("range behind the end: status %d", resp.StatusCode)
	}
}

func TestRefusals(t *testing.T) {
	lookup := func(id string) (hub.Model, bool) {
		switch id {
		case "org/open":
			return hub.Model{Revisions: []string{"v2"}}, true
		case "org/gated":
			return hub.Model{Gated: true, Readers: []string{"reader"}}, true
		case "org/private":
			return hub.Model{Private: true}, true
		}
		return hub.Model{}, false
	}
	_, url := start(t, hub.Config{Lookup: lookup, Tokens: []string{"reader", "stranger"}})
	commit := describe(t, url, "org/open").SHA
	for _, c := range []struct {
		path, token string
		status      int
		code        string
	}{
		{"/api/models/org/open", "", 200, ""},
		{"/api/models/org/open/revision/v2", "", 200, ""},
		{"/api/models/org/open/revision/" + commit, "", 200, ""},
		{"/api/models/org/open/revision/v3", "", 404, "RevisionNotFound"},
		{"/api/models/org/none", "", 404, "RepoNotFound"},
		{"/api/models/../etc", "", 404, "RepoNotFound"},
		{"/org/none/resolve/main/config.json", "", 404, "RepoNotFound"},
		{"/org/open/resolve/main/none.json", "", 404, "EntryNotFound"},
		{"/org/open/resolve/main/config.json", "wrong", 401, ""},
		{"/api/models/org/gated", "", 200, ""},
		{"/org/gated/resolve/main/config.json", "", 401, "GatedRepo"},
		{"/org/gated/resolve/main/config.json", "stranger", 403, "GatedRepo"},
		{"/org/gated/resolve/main/config.json", "reader", 200, ""},
		{"/api/models/org/private", "", 404, "RepoNotFound"},
		{"/api/models/org/private", "stranger", 200, ""},
		{"/elsewhere", "", 404, "EntryNotFound"},
	} {
		var header []string
		if c.token != "" {
			header = []string{"Authorization: Bearer " + c.token}
		}
		resp, _ := ask(t, "GET", url+c.path, header...)
		if resp.StatusCode != c.status || resp.Header.Get("X-Error-Code") != c.code {
			t.Errorf("%s with token %q: %d %q, want %d %q", c.path, c.token, resp.StatusCode, resp.Header.Get("X-Error-Code"), c.status, c.code)
		}
	}
}

func TestLargeFilesComeFromTheCDNByASignedURLAlone(t *testing.T) {
	_, cdn := start(t, hub.Config{})
	_, url := start(t, hub.Config{CDN: cdn})
	_, direct := start(t, hub.Config{})
	shard := "/org/model/resolve/main/model-00001-of-00002.safetensors"
	resp, _ := ask(t, "GET", url+shard)
	location := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusFound || !strings.HasPrefix(location, cdn+"/cdn/") || resp.Header.Get("X-Linked-Size") == "" {
		t.Fatalf("%d to %q with %v", resp.StatusCode, location, resp.Header)
	}
	_, want := ask(t, "GET", direct+shard)
	if _, got := ask(t, "GET", location); string(got) != string(want) {
		t.Error("the CDN serves other bytes")
	}
	if resp, _ := ask(t, "GET", location, "Authorization: Bearer x"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("with two proofs of identity: %d", resp.StatusCode)
	}
	unsigned, _, _ := strings.Cut(location, "?")
	if resp, _ := ask(t, "GET", unsigned); resp.StatusCode != http.StatusForbidden {
		t.Errorf("unsigned: %d", resp.StatusCode)
	}
	if resp, _ := ask(t, "GET", url+"/org/model/resolve/main/config.json"); resp.StatusCode != http.StatusOK {
		t.Errorf("a small file: %d", resp.StatusCode)
	}
}

func TestFaultsStrikeAsOftenAsAsked(t *testing.T) {
	s, url := start(t, hub.Config{})
	file := url + "/org/model/resolve/main/model-00001-of-00002.safetensors"
	_, good := ask(t, "GET", file)

	s.Inject(hub.Fault{Path: "config.json", Status: 503, Times: 1})
	s.Inject(hub.Fault{Path: ".safetensors", Corrupt: true, Times: 1})
	s.Inject(hub.Fault{Path: ".safetensors", NoRange: true, Times: 1})
	if resp, _ := ask(t, "GET", url+"/org/model/resolve/main/config.json"); resp.StatusCode != 503 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if _, bad := ask(t, "GET", file); len(bad) != len(good) || string(bad) == string(good) {
		t.Error("the bytes are right")
	}
	if resp, all := ask(t, "GET", file, "Range: bytes=10-"); resp.StatusCode != 200 || len(all) != len(good) {
		t.Errorf("status %d with %d bytes", resp.StatusCode, len(all))
	}
	if _, again := ask(t, "GET", file); string(again) != string(good) {
		t.Error("faults outlive their number")
	}
}

func TestACutBodyEndsWithoutItsEnd(t *testing.T) {
	s, url := start(t, hub.Config{})
	s.Inject(hub.Fault{CutAfter: 5000, Times: 1})
	resp, err := client.Get(url + "/org/model/resolve/main/model-00001-of-00002.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil || len(got) != 5000 {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
}

func TestItSaysThatItIsSimulated(t *testing.T) {
	_, url := start(t, hub.Config{})
	resp, page := ask(t, "GET", url+"/")
	if !strings.Contains(string(page), "simulated") || resp.Header.Get("X-Aim-Simulated") != "true" {
		t.Errorf("front page %q, headers %v", page, resp.Header)
	}
	_, config := ask(t, "GET", url+"/org/model/resolve/main/config.json")
	if !strings.Contains(string(config), `"aim_simulated":true`) {
		t.Errorf("config %s", config)
	}
}

func TestGivenFilesStandInForMadeUpOnes(t *testing.T) {
	m := hub.Model{Config: []byte(`{"model_type":"qwen3"}`), Files: map[string][]byte{"chat_template.jinja": []byte("{{ x }}")}}
	_, url := start(t, hub.Config{Lookup: func(string) (hub.Model, bool) { return m, true }})
	for name, want := range map[string]string{"config.json": `{"model_type":"qwen3"}`, "chat_template.jinja": "{{ x }}"} {
		if _, got := ask(t, "GET", url+"/org/model/resolve/main/"+name); string(got) != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

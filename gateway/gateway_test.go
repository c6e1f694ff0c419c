package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	stdmultipart "mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/aim-engine/aim/gateway/route"
	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/limit"
	"github.com/aim-engine/aim/internal/store"
)

// front is a gateway on a port, with servers behind it.
type front struct {
	*Gateway
	url string
}

func start(t *testing.T, opts Options, handlers ...http.Handler) front {
	t.Helper()
	if opts.Hold == 0 {
		opts.Hold = 5 * time.Second
	}
	g := New(opts)
	var targets []route.Target
	for i, h := range handlers {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		targets = append(targets, route.Target{ID: fmt.Sprint("a", i), Replica: fmt.Sprint("m/", i), URL: s.URL, Serves: "org/m", Healthy: true})
	}
	if targets != nil {
		g.SetTargets(map[string][]route.Target{"m": targets})
	}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	return front{g, s.URL}
}

func (f front) post(t *testing.T, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	return f.send(t, http.MethodPost, path, strings.NewReader(body), header...)
}

func (f front) send(t *testing.T, method, path string, body io.Reader, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		out = append(out, "<cut off>"...)
	}
	return resp, string(out)
}

// errorOf reads an error in OpenAI's form.
func errorOf(t *testing.T, body string) errorFields {
	t.Helper()
	var e errorBody
	if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error.Message == "" {
		t.Fatalf("no error in OpenAI's form: %q", body)
	}
	return e.Error
}

func says(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
}

const answer = `{"id":"x","choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}`

// streams sends n events and, unless it dies, the usage and the end.
func streams(n int, dies bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range n {
			fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":\"%d\"}}]}\n\n", i)
			w.(http.Flusher).Flush()
		}
		if dies {
			_, _ = io.WriteString(w, `data: {"choices":[{"del`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n")
	})
}

const chat = `{"model":"m","messages":[{"role":"user","content":"hello"}]}`
const chatStream = `{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}`

func TestTheServerGetsTheBodyAsItIsUnderItsOwnModelName(t *testing.T) {
	var got, path string
	f := start(t, Options{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, path = string(b), r.URL.Path
		_, _ = io.WriteString(w, answer)
	}))
	body := `{"seed":12345678901234567890, "model" : "m", "messages":[], "temperature":0.10, "x-unknown":{"a":[1e400]}}`
	resp, out := f.post(t, "/v1/chat/completions", body)
	if resp.StatusCode != 200 || out != answer || path != "/v1/chat/completions" {
		t.Errorf("%d %s at %s", resp.StatusCode, out, path)
	}
	if want := strings.Replace(body, `"m"`, `"org/m"`, 1); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if resp.Header.Get("X-Request-Id") == "" {
		t.Error("no request id")
	}
}

func TestWhatServersServeBesideV1HasBothPaths(t *testing.T) {
	f := start(t, Options{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	for path, want := range map[string]string{"/v1/tokenize": "/tokenize", "/tokenize": "/tokenize", "/v1/score": "/score", "/rerank": "/rerank", "/v1/rerank": "/v1/rerank"} {
		if _, got := f.post(t, path, chat); got != want {
			t.Errorf("%s went to %s", path, got)
		}
	}
	for _, path := range []string{"/pause", "/update_weights", "/invocations", "/metrics", "/v1/load_lora_adapter", "/", "/v1", "/v1/chat/completions/", "/v1/../pause"} {
		if resp, out := f.post(t, path, chat); resp.StatusCode != 404 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, out)
		}
	}
	if resp, _ := f.send(t, http.MethodGet, "/v1/chat/completions", nil); resp.StatusCode != 405 {
		t.Errorf("GET: %d", resp.StatusCode)
	}
}

func TestBadBodiesAreToldInOpenAIsForm(t *testing.T) {
	f := start(t, Options{MaxBody: 1000}, says(answer))
	for _, c := range []struct {
		body   string
		status int
		says   string
	}{
		{`nonsense`, 400, "not a JSON object"},
		{`{"messages":[]}`, 400, "provide a model"},
		{`{"model":"m","model":"n"}`, 400, "twice"},
		{`{"model":"m","Model":"n"}`, 400, "case only"},
		{`{"model":["m"]}`, 400, "string"},
		{`{"model":"nm"}`, 404, `did you mean "m"?`},
		{`{"model":"m","x":"` + strings.Repeat("x", 1000) + `"}`, 413, "1000 bytes"},
	} {
		resp, out := f.post(t, "/v1/chat/completions", c.body)
		if e := errorOf(t, out); resp.StatusCode != c.status || !strings.Contains(e.Message, c.says) {
			t.Errorf("%.60s: %d %s", c.body, resp.StatusCode, out)
		}
	}
}

func TestBodiesComePackedChunkedAndInForms(t *testing.T) {
	var got, kind string
	f := start(t, Options{MaxBody: 4 << 20}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, kind = string(b), r.Header.Get("Content-Type")
		_, _ = io.WriteString(w, answer)
	}))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, chat)
	_ = z.Close()
	if resp, out := f.send(t, "POST", "/v1/chat/completions", &packed, "Content-Encoding", "gzip"); resp.StatusCode != 200 || !strings.Contains(got, `"hello"`) {
		t.Errorf("gzip: %d %s, server got %s", resp.StatusCode, out, got)
	}
	if resp, out := f.send(t, "POST", "/v1/chat/completions", io.MultiReader(strings.NewReader(chat)), "Expect", "100-continue"); resp.StatusCode != 200 {
		t.Errorf("chunked: %d %s", resp.StatusCode, out)
	}
	bomb := new(bytes.Buffer)
	z = gzip.NewWriter(bomb)
	_, _ = z.Write(make([]byte, 64<<20))
	_ = z.Close()
	if resp, _ := f.send(t, "POST", "/v1/chat/completions", bomb, "Content-Encoding", "gzip"); resp.StatusCode != 413 {
		t.Errorf("a bomb: %d", resp.StatusCode)
	}
	var form bytes.Buffer
	w := stdmultipart.NewWriter(&form)
	file, _ := w.CreateFormFile("file", "a.wav")
	_, _ = file.Write([]byte("RIFF\x00m"))
	_ = w.WriteField("model", "m")
	_ = w.Close()
	if resp, out := f.send(t, "POST", "/v1/audio/transcriptions", &form, "Content-Type", w.FormDataContentType()); resp.StatusCode != 200 {
		t.Errorf("form: %d %s", resp.StatusCode, out)
	}
	if !strings.Contains(got, "org/m") || !strings.Contains(got, "RIFF\x00m") || kind != w.FormDataContentType() {
		t.Errorf("the server got %q as %s", got, kind)
	}
}

func TestAStreamComesThroughAsItIsWithoutTheUsageNobodyAskedFor(t *testing.T) {
	var got string
	inner := streams(3, false)
	f := start(t, Options{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = string(b)
		inner.ServeHTTP(w, r)
	}))
	_, out := f.post(t, "/v1/chat/completions", chatStream)
	if !strings.Contains(got, `"include_usage":true`) {
		t.Errorf("usage was not asked for: %s", got)
	}
	if strings.Count(out, "data: ") != 4 || !strings.HasSuffix(out, "data: [DONE]\n\n") || strings.Contains(out, "usage") {
		t.Errorf("%q", out)
	}
	_, out = f.post(t, "/v1/chat/completions", `{"stream_options":{"include_usage":true},`+chatStream[1:])
	if !strings.Contains(out, `"completion_tokens":3`) {
		t.Errorf("usage that was asked for is missing: %q", out)
	}
}

// However a server dies in the middle of a stream, no client takes the part for
// the whole.
func TestABrokenStreamNeverLooksComplete(t *testing.T) {
	hijacked := func(bytes string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			c, _, _ := w.(http.Hijacker).Hijack()
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"+bytes)
			_ = c.Close()
		})
	}
	const event = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
	for name, h := range map[string]http.Handler{
		"dies in an event":            streams(3, true),
		"ends cleanly without [DONE]": hijacked("Transfer-Encoding: chunked\r\n\r\n31\r\n" + event + "\r\n0\r\n\r\n"),
		"closes, no length":           hijacked("Connection: close\r\n\r\n" + event),
		"closes in a half [DONE]":     hijacked("Connection: close\r\n\r\n" + event + "data: [DONE]\n"),
	} {
		f := start(t, Options{Tries: 1}, h)
		resp, out := f.post(t, "/v1/chat/completions", chatStream)
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, out)
			continue
		}
		if !strings.HasSuffix(out, "<cut off>") || strings.Contains(out, "[DONE]") || !strings.Contains(out, "event: error\ndata: {\"error\":") || strings.Contains(out, `"del`+"\n") {
			t.Errorf("%s: %q", name, out)
		}
	}
	f := start(t, Options{Tries: 1}, hijacked("Connection: close\r\n\r\nevent: response.created\ndata: {\"type\":\"response.created\"}\n\n"))
	if _, out := f.post(t, "/v1/responses", `{"model":"m","stream":true,"input":"x"}`); !strings.Contains(out, `"type":"error"`) || !strings.HasSuffix(out, "<cut off>") {
		t.Errorf("responses: %q", out)
	}
}

func TestBeforeTheFirstByteAnotherReplicaIsAsked(t *testing.T) {
	dead := httptest.NewServer(says(answer))
	dead.Close()
	dies := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	half := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, answer[:20])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	noEvent := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	for name, bad := range map[string]http.Handler{"dies": dies, "half an answer": half, "no event": noEvent,
		"busy": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }),
		"500":  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })} {
		f := start(t, Options{}, bad, streams(2, false))
		for range 6 {
			if resp, out := f.post(t, "/v1/chat/completions", chatStream); resp.StatusCode != 200 || !strings.HasSuffix(out, "[DONE]\n\n") {
				t.Fatalf("%s: %d %q", name, resp.StatusCode, out)
			}
		}
	}
	f := start(t, Options{Hold: 50 * time.Millisecond})
	f.SetTargets(map[string][]route.Target{"m": {{ID: "x", Replica: "m/0", URL: dead.URL, Serves: "m", Healthy: true}}})
	resp, out := f.post(t, "/v1/chat/completions", chat)
	if e := errorOf(t, out); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(e.Message, "m/0") {
		t.Errorf("nobody there: %d %s", resp.StatusCode, out)
	}
}

func TestAnErrorOfTheModelIsTheModels(t *testing.T) {
	bad := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(400)
		_, _ = io.WriteString(w, `{"error":{"message":"too long"}}`)
	})
	f := start(t, Options{}, bad, bad)
	for range 10 { // and opens no breaker
		if resp, out := f.post(t, "/v1/chat/completions", chat); resp.StatusCode != 400 || !strings.Contains(out, "too long") {
			t.Fatalf("%d %s", resp.StatusCode, out)
		}
	}
	if l := f.Loads()["m"]; l.Replicas != 2 || l.Outstanding != 0 {
		t.Errorf("%+v", l)
	}
}

func TestAClientThatLeavesIsToldToTheServerAtOnce(t *testing.T) {
	left := make(chan struct{})
	f := start(t, Options{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(left)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "POST", f.url+"/v1/chat/completions", strings.NewReader(chatStream))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = bufio.NewReader(resp.Body).ReadString('\n')
	cancel()
	select {
	case <-left:
	case <-time.After(5 * time.Second):
		t.Fatal("the server was not told")
	}
	_ = resp.Body.Close()
}

// A replica that is stopped gets no new request, and ends the streams it has.
func TestOpenStreamsOutliveTheirReplicasEndpoint(t *testing.T) {
	withdrawn := make(chan struct{})
	f := start(t, Options{Hold: 20 * time.Millisecond}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {}\n\n")
		w.(http.Flusher).Flush()
		<-withdrawn
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}))
	done := make(chan string)
	go func() {
		_, out := f.post(t, "/v1/chat/completions", chatStream)
		done <- out
	}()
	for f.Loads()["m"].Outstanding == 0 {
		time.Sleep(time.Millisecond)
	}
	f.SetTargets(map[string][]route.Target{})
	if resp, _ := f.post(t, "/v1/chat/completions", chat); resp.StatusCode == http.StatusOK {
		t.Error("it got a new request")
	}
	close(withdrawn)
	if out := <-done; out != "data: {}\n\ndata: [DONE]\n\n" {
		t.Errorf("%q", out)
	}
}

func TestARequestIsHeldUntilAReplicaComes(t *testing.T) {
	s := httptest.NewServer(says(answer))
	defer s.Close()
	f := start(t, Options{})
	f.SetDeployments([]access.Deployment{{Name: "m", Serves: "org/m", Phase: "Starting", Reason: "loading weights"}})
	done := make(chan string)
	go func() {
		_, out := f.post(t, "/v1/chat/completions", `{"model":"org/m","messages":[]}`)
		done <- out
	}()
	for f.Loads()["m"].Waiting == 0 {
		time.Sleep(time.Millisecond)
	}
	f.SetTargets(map[string][]route.Target{"m": {{ID: "x", URL: s.URL, Serves: "org/m", Healthy: true}}})
	if out := <-done; out != answer {
		t.Errorf("%s", out)
	}
	short := start(t, Options{Hold: 20 * time.Millisecond})
	short.SetDeployments([]access.Deployment{{Name: "m", Serves: "org/m", Phase: "Starting", Reason: "loading weights"}})
	resp, out := short.post(t, "/v1/chat/completions", chat)
	if e := errorOf(t, out); resp.StatusCode != 503 || !strings.Contains(e.Message, "the deployment is Starting (loading weights)") {
		t.Errorf("%d %s", resp.StatusCode, out)
	}
}

func keyed(key string, k access.Key) access.Key {
	k.Hash = access.HashOf(key)
	return k
}

func TestKeysOpenWhatTheyMay(t *testing.T) {
	f := start(t, Options{}, says(answer))
	f.SetAccess(Access{Keys: []access.Key{
		keyed("all", access.Key{ID: "1", Name: "all"}), keyed("other", access.Key{ID: "2", Name: "other", Models: []string{"x*"}}),
		keyed("old", access.Key{ID: "3", Name: "old", Expires: time.Now().Add(-time.Second)}),
	}})
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"Authorization", "Bearer all", 200}, {"authorization", "bearer all", 200}, {"X-Api-Key", "all", 200},
		{"Authorization", "Bearer wrong", 401}, {"Authorization", "all", 401}, {"X", "", 401},
		{"Authorization", "Bearer other", 403}, {"Authorization", "Bearer old", 401},
	} {
		if resp, out := f.post(t, "/v1/chat/completions?api_key=all&key=all", chat, c.header, c.value); resp.StatusCode != c.status {
			t.Errorf("%s: %s: %d %s", c.header, c.value, resp.StatusCode, out)
		}
	}
	f.SetAccess(Access{})
	if resp, _ := f.post(t, "/v1/chat/completions", chat, "Authorization", "Bearer all"); resp.StatusCode != 401 {
		t.Errorf("revoked: %d", resp.StatusCode)
	}
}

func TestModelsListsWhatTheKeyMayUse(t *testing.T) {
	f := start(t, Options{}, says(answer))
	f.SetDeployments([]access.Deployment{{Name: "m", Model: "org/m", Serves: "org/m", Context: 4096, Adapters: []string{"sql"}}, {Name: "z", Serves: "org/z"}})
	f.SetAccess(Access{Keys: []access.Key{keyed("k", access.Key{Name: "k", Models: []string{"org/*", "chat"}})},
		Aliases: aliases(t, "chat=m")})
	_, out := f.send(t, "GET", "/v1/models", nil, "Authorization", "Bearer k")
	var list modelList
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range list.Data {
		ids = append(ids, m.ID)
	}
	if fmt.Sprint(ids) != "[chat org/m org/z]" || list.Data[1].MaxModelLen != 4096 {
		t.Errorf("%s", out)
	}
	for path, status := range map[string]int{"/v1/models/org/m": 200, "/v1/models/org%2Fm": 200, "/v1/models/org%252Fm": 200, "/v1/models/z": 404, "/v1/models/no": 404} {
		if resp, out := f.send(t, "GET", path, nil, "Authorization", "Bearer k"); resp.StatusCode != status {
			t.Errorf("%s: %d %s", path, resp.StatusCode, out)
		}
	}
}

func aliases(t *testing.T, written ...string) (all []access.Alias) {
	t.Helper()
	for _, w := range written {
		a, err := access.ParseAlias(w)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

func TestAliasesShareByWeightAndFallBack(t *testing.T) {
	f := start(t, Options{Hold: 100 * time.Millisecond})
	a, b := httptest.NewServer(says("a")), httptest.NewServer(says("b"))
	defer a.Close()
	defer b.Close()
	up := func(id, url string) []route.Target {
		return []route.Target{{ID: id, Replica: id, URL: url, Serves: id, Healthy: true}}
	}
	f.SetTargets(map[string][]route.Target{"a": up("a", a.URL), "b": up("b", b.URL)})
	f.SetAccess(Access{Open: true, Aliases: aliases(t, "chat=a:90,b:10", "round=circle", "circle=round")})
	for chance, want := range map[float64]string{0: "a", 0.89: "a", 0.91: "b"} {
		f.chance = func() float64 { return chance }
		if _, out := f.post(t, "/v1/chat/completions", `{"model":"chat"}`); out != want {
			t.Errorf("%v: %s", chance, out)
		}
	}
	f.chance = func() float64 { return 0 }
	f.SetTargets(map[string][]route.Target{"b": up("b", b.URL)})
	if _, out := f.post(t, "/v1/chat/completions", `{"model":"chat"}`); out != "b" {
		t.Errorf("without a: %s", out)
	}
	if resp, _ := f.post(t, "/v1/chat/completions", `{"model":"round"}`); resp.StatusCode != 404 {
		t.Errorf("a circle: %d", resp.StatusCode)
	}
}

func TestAPromptThatCannotFitIsToldBeforeItIsSent(t *testing.T) {
	f := start(t, Options{}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent") }))
	f.SetDeployments([]access.Deployment{
		{Name: "m", Serves: "org/m", Context: 100, Task: "generate", Phase: "Ready"}, {Name: "e", Serves: "e", Task: "embed", Phase: "Ready"}})
	long := `{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("x ", 5000) + `"}]}`
	if resp, out := f.post(t, "/v1/chat/completions", long); resp.StatusCode != 400 || *errorOf(t, out).Code != "context_length_exceeded" {
		t.Errorf("%d %s", resp.StatusCode, out)
	}
	if resp, out := f.post(t, "/v1/chat/completions", `{"model":"e"}`); resp.StatusCode != 404 || !strings.Contains(out, "embed") {
		t.Errorf("%d %s", resp.StatusCode, out)
	}
}

func TestLimitsAreToldAndSettledByWhatServersCount(t *testing.T) {
	accounts := &kept{}
	f := start(t, Options{Usage: accounts}, streams(3, false))
	f.SetAccess(Access{Keys: []access.Key{keyed("k", access.Key{ID: "1", Name: "k", Limits: limit.Limits{RPM: 2, TPM: 10000}})}})
	for i, want := range []int{200, 200, 429} {
		resp, out := f.post(t, "/v1/chat/completions", chatStream, "Authorization", "Bearer k")
		if resp.StatusCode != want {
			t.Fatalf("request %d: %d %s", i, resp.StatusCode, out)
		}
		if want == 429 && (resp.Header.Get("Retry-After") == "" || !strings.Contains(out, "2 requests a minute")) {
			t.Errorf("%s %v", out, resp.Header)
		}
		if want == 200 && resp.Header.Get("X-Ratelimit-Remaining-Requests") != fmt.Sprint(1-i) {
			t.Errorf("remaining %q after %d", resp.Header.Get("X-Ratelimit-Remaining-Requests"), i)
		}
	}
	all := accounts.over()
	if len(all) != 2 || all[0].Prompt != 5 || all[0].Completion != 3 || all[0].Key != "k" || all[0].Interrupted {
		t.Errorf("%+v", all)
	}
}

// kept is accounts in memory.
type kept struct {
	mu   sync.Mutex
	all  []store.Usage
	open int
}

func (k *kept) Begin(store.Usage) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open++
	return uint64(k.open)
}

func (k *kept) End(_ uint64, u store.Usage) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open--
	k.all = append(k.all, u)
}

// over are those that are over, when all are.
func (k *kept) over() []store.Usage {
	for {
		k.mu.Lock()
		all, open := k.all, k.open
		k.mu.Unlock()
		if open == 0 {
			return all
		}
		time.Sleep(time.Millisecond)
	}
}

func TestMetricsTellRequestsTokensAndLoad(t *testing.T) {
	r := prometheus.NewRegistry()
	f := start(t, Options{Metrics: r}, says(answer))
	f.post(t, "/v1/chat/completions", chat)
	want := `
# HELP aim_gateway_tokens_total Tokens, as servers count them.
# TYPE aim_gateway_tokens_total counter
aim_gateway_tokens_total{deployment="m",kind="completion"} 3
aim_gateway_tokens_total{deployment="m",kind="prompt"} 7
`
	if err := testutil.GatherAndCompare(r, strings.NewReader(want), "aim_gateway_tokens_total"); err != nil {
		t.Error(err)
	}
	f.SetTargets(nil)
	f.SetTargets(nil)
	if n, _ := testutil.GatherAndCount(r, "aim_gateway_tokens_total"); n != 0 {
		t.Errorf("%d series of an ended deployment", n)
	}
}

// A client that sends its header and its body in two packets must not cost the
// stream its events when the server answers at once.
func TestInstantAnswersToSlowBodiesArriveWhole(t *testing.T) {
	f := start(t, Options{}, streams(20, false))
	var bad atomic.Int32
	for range 100 {
		c, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", len(chatStream))
		_, _ = io.WriteString(c, chatStream)
		out, _ := io.ReadAll(c)
		if strings.Count(string(out), "data: ") != 21 {
			bad.Add(1)
		}
		_ = c.Close()
	}
	if n := bad.Load(); n > 0 {
		t.Errorf("%d of 100 streams lost events", n)
	}
}

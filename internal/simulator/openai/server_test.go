package openai_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/simulator/openai"
)

// config is a small server.
func config() openai.Config {
	return openai.Config{
		Names: []string{"qwen", "big"}, Model: "Qwen/Qwen3-32B", Version: "0.26.0",
		MaxModelLen: 100, MaxSeqs: 4, KVTokens: 1000,
		Cache: map[string]string{"block_size": "16"},
	}
}

func serve(t *testing.T, c openai.Config) (*openai.Server, string) {
	t.Helper()
	s := openai.New(c)
	front := httptest.NewServer(s)
	t.Cleanup(front.Close)
	return s, front.URL
}

// post sends a JSON body and returns the status and the body of the answer.
func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.Header.Get(openai.Header) != "true" {
		t.Errorf("%s does not say that it is simulated", url)
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// answer is what a client reads of an answer or a chunk.
type answer struct {
	ID, Object, Model string
	Choices           []struct {
		Index        int
		Text         *string
		Message      *said
		Delta        *said
		FinishReason *string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
	Simulated bool
}

type said struct {
	Role    string
	Content *string
}

func decode(t *testing.T, text string) answer {
	t.Helper()
	var a answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return a
}

func TestCompletion(t *testing.T) {
	_, url := serve(t, config())
	code, body := post(t, url+"/v1/completions", `{"model":"big","prompt":["one two three","four"],"max_tokens":5}`)
	a := decode(t, body)
	if code != http.StatusOK || a.Object != "text_completion" || a.Model != "big" || len(a.Choices) != 2 || !a.Simulated {
		t.Fatalf("%d %s", code, body)
	}
	first := a.Choices[0]
	if !strings.HasPrefix(*first.Text, "(simulated) ") || len(strings.Fields(*first.Text)) != 5 || *first.FinishReason != "length" {
		t.Errorf("choice %+v says %q", first, *first.Text)
	}
	if a.Choices[1].Index != 1 || *a.Choices[1].Text == *first.Text {
		t.Errorf("the second prompt has the answer of the first: %s", body)
	}
	if a.Usage.Prompt != 4 || a.Usage.Completion != 10 || a.Usage.Total != 14 {
		t.Errorf("usage %+v, want 4 + 10", *a.Usage)
	}
	_, again := post(t, url+"/v1/completions", `{"prompt":"one two three","max_tokens":5}`)
	if *decode(t, again).Choices[0].Text != *first.Text {
		t.Error("the same prompt has another answer")
	}
}

func TestChatCompletion(t *testing.T) {
	_, url := serve(t, config())
	code, body := post(t, url+"/v1/chat/completions",
		`{"model":"qwen","messages":[{"role":"user","content":[{"type":"text","text":"hello you"}]}]}`)
	a := decode(t, body)
	if code != http.StatusOK || a.Object != "chat.completion" || len(a.Choices) != 1 || !strings.HasPrefix(a.ID, "chatcmpl-") {
		t.Fatalf("%d %s", code, body)
	}
	c := a.Choices[0]
	if c.Message.Role != "assistant" || !strings.HasPrefix(*c.Message.Content, "(simulated) ") || *c.FinishReason != "stop" {
		t.Errorf("it said %s", body)
	}
	if a.Usage.Completion != 24 || a.Usage.Prompt != 3 {
		t.Errorf("usage %+v", *a.Usage)
	}
}

func TestAnswersAreAsLongAsAskedFor(t *testing.T) {
	_, url := serve(t, config())
	for body, want := range map[string]struct {
		tokens int
		reason string
	}{
		`{"prompt":"a","max_tokens":1}`:                    {1, "length"},
		`{"prompt":"a","max_tokens":60}`:                   {24, "stop"},
		`{"prompt":"a","max_tokens":60,"min_tokens":40}`:   {40, "stop"},
		`{"prompt":"a","max_tokens":60,"ignore_eos":true}`: {60, "length"},
		`{"prompt":"a","max_completion_tokens":7}`:         {7, "length"},
		`{"prompt":"a","ignore_eos":true}`:                 {99, "length"}, // up to the context
		`{"prompt":[1,2,3],"ignore_eos":true}`:             {97, "length"},
	} {
		_, text := post(t, url+"/v1/completions", body)
		a := decode(t, text)
		if a.Usage.Completion != want.tokens || *a.Choices[0].FinishReason != want.reason {
			t.Errorf("%s: %d tokens, %s; want %+v", body, a.Usage.Completion, *a.Choices[0].FinishReason, want)
		}
	}
}

func TestBadRequestsAreRefusedInTheAPIsForm(t *testing.T) {
	_, url := serve(t, config())
	for _, c := range []struct {
		path, body string
		code       int
		want       string
	}{
		{"/v1/completions", `{"model":"other","prompt":"a"}`, 404, "The model `other` does not exist."},
		{"/v1/completions", `{`, 400, "Invalid JSON"},
		{"/v1/completions", `{"model":"qwen"}`, 400, "the input must be"},
		{"/v1/completions", `{"prompt":[]}`, 400, "the input must be"},
		{"/v1/completions", `{"prompt":null}`, 400, "the input must be"},
		{"/v1/completions", `{"prompt":[["a"]]}`, 400, "the input must be"},
		{"/v1/completions", `{"prompt":"a","max_tokens":0}`, 400, "max_tokens must be at least 1"},
		{"/v1/completions", `{"prompt":"a","max_tokens":100}`, 400, "maximum context length is 100 tokens"},
		{"/v1/completions", `{"prompt":"a","n":2}`, 400, "n must be 1"},
		{"/v1/chat/completions", `{"messages":[]}`, 400, "messages must not be empty"},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":7}]}`, 400, "content must be"},
		{"/v1/embeddings", `{"model":"other","input":"a"}`, 404, "does not exist"},
		{"/tokenize", `{"prompt":7}`, 400, "the input must be"},
	} {
		code, body := post(t, url+c.path, c.body)
		var e struct {
			Error struct {
				Message, Type string
				Code          int
			}
		}
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if code != c.code || e.Error.Code != c.code || e.Error.Type == "" || !strings.Contains(e.Error.Message, c.want) {
			t.Errorf("%s %s: %d %s", c.path, c.body, code, body)
		}
	}
}

// stream reads the data of server-sent events.
func stream(t *testing.T, url, body string) []string {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got := r.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
		t.Errorf("content type %q", got)
	}
	var events []string
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			events = append(events, data)
		} else if lines.Text() != "" {
			t.Errorf("a line that is no event: %q", lines.Text())
		}
	}
	if len(events) == 0 || events[len(events)-1] != "[DONE]" {
		t.Fatalf("the stream does not end with [DONE]: %q", events)
	}
	return events[:len(events)-1]
}

func TestChatStream(t *testing.T) {
	_, url := serve(t, config())
	const ask = `{"messages":[{"role":"user","content":"hello"}],"max_tokens":3,"stream":true,"stream_options":{"include_usage":true}}`
	events := stream(t, url+"/v1/chat/completions", ask)
	if len(events) != 1+3+1+1 { // role, tokens, reason, usage
		t.Fatalf("%d events: %q", len(events), events)
	}
	text := ""
	for i, event := range events {
		a := decode(t, event)
		if a.Object != "chat.completion.chunk" || a.ID != decode(t, events[0]).ID {
			t.Errorf("event %d: %s", i, event)
		}
		switch {
		case i == 0 && a.Choices[0].Delta.Role != "assistant":
			t.Errorf("the first event has no role: %s", event)
		case i >= 1 && i <= 3:
			text += *a.Choices[0].Delta.Content
		case i == 4 && *a.Choices[0].FinishReason != "length":
			t.Errorf("the reason is missing: %s", event)
		case i == 5 && (len(a.Choices) != 0 || a.Usage.Completion != 3):
			t.Errorf("the usage is missing: %s", event)
		}
	}
	_, whole := post(t, url+"/v1/chat/completions", strings.Replace(ask, `"stream":true`, `"stream":false`, 1))
	if want := *decode(t, whole).Choices[0].Message.Content; text != want {
		t.Errorf("streamed %q, whole %q", text, want)
	}
}

func TestTextStreamWithoutUsage(t *testing.T) {
	_, url := serve(t, config())
	events := stream(t, url+"/v1/completions", `{"prompt":"hello","max_tokens":2,"stream":true}`)
	if len(events) != 3 {
		t.Fatalf("%d events: %q", len(events), events)
	}
	if a := decode(t, events[0]); *a.Choices[0].Text != "(simulated)" || a.Usage != nil {
		t.Errorf("the first event is %s", events[0])
	}
	if a := decode(t, events[2]); *a.Choices[0].FinishReason != "length" {
		t.Errorf("the last event is %s", events[2])
	}
}

func TestEmbeddingsAreVectorsOfLengthOne(t *testing.T) {
	_, url := serve(t, config())
	code, body := post(t, url+"/v1/embeddings", `{"model":"qwen","input":["one two","three"]}`)
	var e struct {
		Data []struct {
			Index     int
			Embedding []float64
		}
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil || code != http.StatusOK || len(e.Data) != 2 {
		t.Fatalf("%d %s", code, body)
	}
	for _, d := range e.Data {
		square := 0.0
		for _, x := range d.Embedding {
			square += x * x
		}
		if square < 0.999 || square > 1.001 {
			t.Errorf("vector %d has length² %f", d.Index, square)
		}
	}
	if e.Data[0].Embedding[0] == e.Data[1].Embedding[0] {
		t.Error("two texts have the same vector")
	}
}

func TestTokenizeCountsWords(t *testing.T) {
	_, url := serve(t, config())
	_, body := post(t, url+"/tokenize", `{"prompt":"one two one"}`)
	var e struct {
		Count  int
		Max    int `json:"max_model_len"`
		Tokens []int
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatal(err)
	}
	if e.Count != 3 || e.Max != 100 || e.Tokens[0] != e.Tokens[2] || e.Tokens[0] == e.Tokens[1] {
		t.Errorf("/tokenize: %s", body)
	}
}

func TestKeyOpensTheAPIAndNothingElseNeedsOne(t *testing.T) {
	c := config()
	c.Keys = []string{"first", "second"}
	_, url := serve(t, c)
	for _, try := range []struct {
		path, key string
		code      int
	}{
		{"/v1/models", "", 401}, {"/v1/models", "third", 401}, {"/v1/models", "first", 200},
		{"/v1/models", "second", 200}, {"/health", "", 200}, {"/metrics", "", 200},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+try.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if try.key != "" {
			request.Header.Set("Authorization", "Bearer "+try.key)
		}
		r, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != try.code {
			t.Errorf("%s with key %q: %d, want %d", try.path, try.key, r.StatusCode, try.code)
		}
	}
}

func TestDeadEngineFailsHealthAndRequests(t *testing.T) {
	s, url := serve(t, config())
	s.Fail()
	for _, path := range []string{"/v1/completions", "/v1/embeddings"} {
		if code, body := post(t, url+path, `{"prompt":"a","input":"a"}`); code != 500 || !strings.Contains(body, "EngineCore encountered an issue") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	r, err := http.Get(url + "/health")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/health: %d", r.StatusCode)
	}
}

func TestEngineThatDiesInAStreamSaysSo(t *testing.T) {
	s := openai.New(config())
	w := &dying{ResponseRecorder: httptest.NewRecorder(), die: s.Fail}
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/completions", strings.NewReader(`{"prompt":"a","stream":true}`)))
	events := strings.Split(strings.TrimSpace(w.Body.String()), "\n\n")
	if len(events) != 3 || !strings.Contains(events[0], "(simulated)") ||
		!strings.Contains(events[1], "EngineCore encountered an issue") || events[2] != "data: [DONE]" {
		t.Errorf("the stream was %q", events)
	}
}

// dying ends the engine when the first event is flushed.
type dying struct {
	*httptest.ResponseRecorder
	die func()
}

func (d *dying) Flush() { d.die() }

func TestRequestsBeyondMaxSeqsWait(t *testing.T) {
	c := config()
	c.MaxSeqs, c.TTFT = 1, time.Hour
	_, url := serve(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	for range 2 {
		go func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/completions", strings.NewReader(`{"prompt":"a b c"}`))
			if err == nil {
				_, err = http.DefaultClient.Do(r)
			}
			done <- err
		}()
	}
	waitFor(t, url, "vllm:num_requests_running", 1)
	waitFor(t, url, "vllm:num_requests_waiting", 1)
	if got := metric(t, url, "vllm:kv_cache_usage_perc"); got != (3+24)/1000.0 {
		t.Errorf("the KV cache is %f full, want 0.027", got)
	}
	cancel()
	for range 2 {
		if err := <-done; err == nil {
			t.Error("a cancelled request was answered")
		}
	}
	waitFor(t, url, "vllm:num_requests_running", 0)
	waitFor(t, url, "vllm:num_requests_waiting", 0)
	waitFor(t, url, "vllm:kv_cache_usage_perc", 0)
}

// waitFor polls a metric until it has the value.
func waitFor(t *testing.T, url, name string, want float64) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for metric(t, url, name) != want {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s %s is %f, want %f", name, metric(t, url, name), want)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Whatever a client sends, it gets JSON, or events that end.
func FuzzCompletion(f *testing.F) {
	f.Add(`{"prompt":["a",[1,2]],"max_tokens":3}`, false)
	f.Add(`{"messages":[{"role":"user","content":[{"text":"a"}]}],"stream":true,"min_tokens":-1}`, true)
	s := openai.New(config())
	f.Fuzz(func(t *testing.T, body string, chat bool) {
		path := "/v1/completions"
		if chat {
			path = "/v1/chat/completions"
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
		if text := w.Body.String(); !json.Valid(w.Body.Bytes()) && !strings.HasSuffix(text, "data: [DONE]\n\n") {
			t.Errorf("%q was answered with %q", body, text)
		}
	})
}

func ExampleServer() {
	s := openai.New(openai.Config{Names: []string{"qwen3-32b"}, MaxModelLen: 32768, MaxSeqs: 256})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/completions", strings.NewReader(`{"prompt":"hi","max_tokens":4}`)))
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(*a.Choices[0].Text)
	// Output: (simulated) memory chosen no
}

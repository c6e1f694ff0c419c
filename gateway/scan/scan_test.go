package scan

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestRequestIsReadAsDecodersReadIt(t *testing.T) {
	body := []byte(` {"messages":[{"role":"user","content":"say \"model\":\"x\" \\"}] , "model" : "or\u0067/m", "stream":true,
		"max_tokens":12, "n":2, "temperature":0.0, "stream_options":{ }, "x":1e400} `)
	r, err := ReadRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Model != "org/m" || !r.Stream || r.MaxTokens != 12 || r.N != 2 || !r.Repeatable || r.Usage {
		t.Errorf("read %+v", r)
	}
	if got := string(r.Prompt.Of(body)); !strings.HasPrefix(got, `[{"role"`) || !strings.HasSuffix(got, `\\"}]`) {
		t.Errorf("prompt %s", got)
	}
}

func TestRewriteChangesNothingElse(t *testing.T) {
	for in, want := range map[string]string{
		`{"model":"a","n":1.0e0}`:                                              ``,
		`{"model":"a","big":12345678901234567890,"z":0.10}`:                    `{"model":"b","big":12345678901234567890,"z":0.10}`,
		`{"model":"a","stream":true}`:                                          `{"stream_options":{"include_usage":true},"model":"b","stream":true}`,
		`{"stream_options":{"include_usage":false},"stream":true,"model":"a"}`: `{"stream_options":{"include_usage":true},"stream":true,"model":"b"}`,
		`{"stream_options":{"x":1},"stream":true,"model":"a"}`:                 `{"stream_options":{"include_usage":true,"x":1},"stream":true,"model":"b"}`,
		`{"stream_options":{ },"stream":true,"model":"a"}`:                     `{"stream_options":{"include_usage":true },"stream":true,"model":"b"}`,
		`{"stream_options":null,"stream":true,"model":"a"}`:                    `{"stream_options":{"include_usage":true},"stream":true,"model":"b"}`,
		`{"stream_options":{"include_usage":true},"stream":true,"model":"b"}`:  `{"stream_options":{"include_usage":true},"stream":true,"model":"b"}`,
	} {
		r, err := ReadRequest([]byte(in))
		if want == "" {
			if err == nil {
				t.Errorf("%s was taken", in)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := string(r.Rewrite([]byte(in), "b")); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestBodiesThatMeanTwoThingsAreRefused(t *testing.T) {
	for _, body := range []string{
		`{"model":"a","model":"b"}`, `{"model":"a","Model":"b"}`, `{"MODEL":"b"}`, `{"mod\u0065l":"a","model":"b"}`,
		`{"model":1}`, `{"model":"a","stream":"yes"}`, `{"model":"a","max_tokens":-1}`, `{"model":"a","max_tokens":1.5}`,
		`{"model":"a","max_tokens":5,"max_tokens":6}`, `{"model":"a","stream_options":[]}`,
	} {
		_, err := ReadRequest([]byte(body))
		var m *Mistake
		if !errors.As(err, &m) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestWhatIsNotJSONIsRefused(t *testing.T) {
	deep := strings.Repeat("[", 100000)
	for _, body := range []string{
		``, ` `, `[]`, `"x"`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{"a":1}x`, `{"a":tru}`, `{"a":[1,]}`, `{"a":[1 2]}`,
		`{"a":{"b"}}`, `{"a":"\"}`, `{"a":}`, `{a:1}`, `{"a":` + deep, `{"a":[}`, `{"a":{]}}`,
	} {
		if _, err := ReadRequest([]byte(body)); err == nil {
			t.Errorf("%.40s was taken", body)
		}
	}
}

func TestUsageIsFound(t *testing.T) {
	for data, want := range map[string]Usage{
		`{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}`:                  {3, 5, 0},
		`{"type":"response.completed","response":{"usage":{"input_tokens":2,"output_tokens":1}}}`:            {2, 1, 0},
		`{"usage":{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens":null}}`: {9, 0, 4},
	} {
		if got, ok := ReadUsage([]byte(data)); !ok || got != want {
			t.Errorf("%s: %+v %v", data, got, ok)
		}
	}
	for _, data := range []string{`{"usage":null}`, `{"a":"\"usage\""}`, `{"usage":`, `[DONE]`} {
		if got, ok := ReadUsage([]byte(data)); ok {
			t.Errorf("%s: %+v", data, got)
		}
	}
}

// Whatever bytes come, the scanner agrees with the decoder about whether they are
// an object, up to what it does not check (the content of strings), and a
// rewritten body decodes to the same with another model.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{`{"model":"a","stream":true,"stream_options":{"include_usage":false}}`, `{"a":[{"b":"\\\""},[],{}],"model":"x"}`,
		`{"model":"a","stream":true,"stream_options":{ "x":2}}`, `{`, `{"model":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ReadRequest(body)
		var want map[string]any
		if json.Unmarshal(body, &want) != nil || want == nil {
			return // strings with control characters are left to the server
		}
		var mistake *Mistake
		if err != nil {
			if !errors.As(err, &mistake) && !strings.Contains(err.Error(), "nested too deeply") {
				t.Fatalf("%q is an object, and was refused: %v", body, err)
			}
			return
		}
		var got map[string]any
		if err := json.Unmarshal(r.Rewrite(body, "other"), &got); err != nil {
			t.Fatalf("%q became what is not JSON: %v", body, err)
		}
		if r.ModelAt.Found() {
			want["model"] = "other"
		}
		delete(want, "stream_options")
		delete(got, "stream_options")
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q became %v, want %v", body, got, want)
		}
	})
}

func BenchmarkRequest220k(b *testing.B) {
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("lorem ipsum dolor ", 220<<10/18) + `"}]}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := ReadRequest(body); err != nil {
			b.Fatal(err)
		}
	}
}

package scan

import "fmt"

// Request is what a gateway reads of an OpenAI request.
type Request struct {
	Model     string
	ModelAt   Span // of the value, quotes included
	Stream    bool
	Prompt    Span  // messages, prompt, input, query, documents ...: the first of them
	MaxTokens int64 // that the answer may have; 0 = not said
	N         int64 // answers asked for; 1 unless said
	// Usage tells whether the client asked for the usage of a stream.
	Usage   bool
	UsageAt Span // value of stream_options.include_usage
	Options Span // value of stream_options
	// Repeatable tells whether the same request has the same answer: temperature 0
	// or a seed.
	Repeatable bool
}

// Mistake is a body that is JSON and still not to be forwarded; Param names the
// field.
type Mistake struct{ Param, Why string }

func (m *Mistake) Error() string { return m.Why }

// known are the names that the gateway reads. A body that has one of them twice,
// or beside one that differs in case only, means one thing to the gateway and
// perhaps another to the server.
var known = map[string]bool{
	"model": true, "stream": true, "max_tokens": true, "max_completion_tokens": true,
	"max_output_tokens": true, "n": true, "best_of": true, "stream_options": true,
}

// prompts are the fields that hold what a server has to read, by interface:
// chat, completions, responses and embeddings, rerank, score.
var prompts = map[string]bool{
	"messages": true, "prompt": true, "input": true, "query": true, "text_1": true, "text": true,
}

// ReadRequest scans a request body. The error is ErrNotObject, a *Mistake, or
// says where the bytes stop being JSON.
func ReadRequest(body []byte) (Request, error) {
	r := Request{N: 1}
	var seen []string
	err := Object(body, func(f Field) error {
		if err := once(f.Name, &seen); err != nil {
			return err
		}
		return r.read(body, f)
	})
	if err != nil {
		return Request{}, err
	}
	return r, nil
}

// once refuses a known name that comes again in any case.
func once(name string, seen *[]string) error {
	for k := range known {
		if sameButCase(name, k) {
			return &Mistake{k, fmt.Sprintf("the field %q differs from %q in case only; write %q", name, k, k)}
		}
	}
	if !known[name] {
		return nil
	}
	for _, s := range *seen {
		if s == name {
			return &Mistake{name, fmt.Sprintf("the field %q is there twice", name)}
		}
	}
	*seen = append(*seen, name)
	return nil
}

func (r *Request) read(body []byte, f Field) error {
	value := f.Value.Of(body)
	switch f.Name {
	case "model":
		var ok bool
		if r.Model, ok = Text(value); !ok {
			return &Mistake{"model", "model must be a string"}
		}
		r.ModelAt = f.Value
	case "stream":
		r.Stream = True(value)
		if !r.Stream && string(value) != "false" && string(value) != "null" {
			return &Mistake{"stream", "stream must be true or false"}
		}
	case "max_tokens", "max_completion_tokens", "max_output_tokens":
		n, err := count(f.Name, value)
		r.MaxTokens = max(r.MaxTokens, n)
		return err
	case "n", "best_of":
		n, err := count(f.Name, value)
		r.N = max(r.N, n)
		return err
	case "stream_options":
		r.Options = f.Value
		return r.options(body)
	case "temperature":
		r.Repeatable = r.Repeatable || isZero(value)
	case "seed":
		r.Repeatable = r.Repeatable || string(value) != "null"
	default:
		if prompts[f.Name] && !r.Prompt.Found() {
			r.Prompt = f.Value
		}
	}
	return nil
}

func isZero(value []byte) bool {
	for _, c := range value {
		if c != '0' && c != '.' {
			return false
		}
	}
	return len(value) > 0
}

func count(name string, value []byte) (int64, error) {
	if string(value) == "null" {
		return 0, nil
	}
	n, ok := Count(value)
	if !ok {
		return 0, &Mistake{name, name + " must be a whole number that is not negative"}
	}
	return n, nil
}

func (r *Request) options(body []byte) error {
	if string(r.Options.Of(body)) == "null" {
		return nil
	}
	err := ObjectAt(body, r.Options, func(f Field) error {
		if f.Name == "include_usage" {
			r.UsageAt, r.Usage = f.Value, True(f.Value.Of(body))
		}
		return nil
	})
	if err != nil {
		return &Mistake{"stream_options", "stream_options must be an object"}
	}
	return nil
}

// Rewrite returns the body as the server gets it: the model under the name that
// it serves, and, for a stream, with usage asked for, since limits are settled
// by it. All other bytes are the client's.
func (r Request) Rewrite(body []byte, model string) []byte {
	var edits []edit
	if r.ModelAt.Found() && model != r.Model {
		edits = append(edits, edit{r.ModelAt, quote(model)})
	}
	if r.Stream && !r.Usage {
		edits = append(edits, r.askUsage(body))
	}
	return apply(body, edits)
}

// askUsage is the edit that makes stream_options say include_usage.
func (r Request) askUsage(body []byte) edit {
	switch {
	case r.UsageAt.Found():
		return edit{r.UsageAt, "true"}
	case r.Options.Found() && string(r.Options.Of(body)) != "null":
		after := r.Options.From + 1 // behind the brace
		comma := ""
		if !emptyObject(r.Options.Of(body)) {
			comma = ","
		}
		return edit{Span{after, after}, `"include_usage":true` + comma}
	case r.Options.Found():
		return edit{r.Options, `{"include_usage":true}`}
	}
	at := 0
	for body[at] != '{' { // a request that was scanned begins with one
		at++
	}
	return edit{Span{at + 1, at + 1}, `"stream_options":{"include_usage":true},`}
}

func emptyObject(value []byte) bool {
	for _, c := range value[1 : len(value)-1] {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

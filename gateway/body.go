package gateway

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	stdmultipart "mime/multipart"
	"net/http"
	"strings"
	"sync"

	"github.com/aim-engine/aim/gateway/scan"
)

// question is a request as far as it was read.
type question struct {
	iface iface
	body  []byte
	read  scan.Request
	form  string // content type of a form, "" for JSON
}

// buffers keeps bodies between requests: most are a few KB, and the largest are
// not kept.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const keptBuffer = 1 << 20

func giveBack(b *bytes.Buffer) {
	if b.Cap() <= keptBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

// readBody reads at most limit bytes, unpacked, into b.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, b *bytes.Buffer) *apiError {
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	if n := r.ContentLength; n > 0 {
		b.Grow(int(min(n, 64<<10)) + bytes.MinRead) // what a client only announces costs nothing
	}
	var from io.Reader = http.MaxBytesReader(w, r.Body, limit)
	switch enc := strings.ToLower(r.Header.Get("Content-Encoding")); enc {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(from)
		if err != nil {
			return badRequest("", "the body is not gzip: %v", err)
		}
		from = io.LimitReader(unpacked, limit+1)
	default:
		return &apiError{status: http.StatusUnsupportedMediaType, kind: "invalid_request_error",
			message: fmt.Sprintf("bodies encoded as %q are not read; send gzip or plain", clip(enc, 40))}
	}
	_, err := b.ReadFrom(from)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large), int64(b.Len()) > limit:
		return tooLarge(limit)
	case err != nil:
		return badRequest("", "the body could not be read: %v", err)
	}
	return nil
}

func tooLarge(limit int64) *apiError {
	return &apiError{status: http.StatusRequestEntityTooLarge, kind: "invalid_request_error", code: "body_too_large",
		message: fmt.Sprintf("the body has more than %d bytes, which is the limit here (gateway.max_body)", limit)}
}

// understand finds in the body what the gateway needs of it.
func understand(i iface, contentType string, body []byte) (question, *apiError) {
	q := question{iface: i, body: body}
	if i.kind == multipart {
		return q.understandForm(contentType)
	}
	var err error
	q.read, err = scan.ReadRequest(body)
	var mistake *scan.Mistake
	switch {
	case errors.As(err, &mistake):
		return q, badRequest(mistake.Param, "%s", mistake.Why)
	case err != nil:
		return q, badRequest("", "%v", err)
	case q.read.Model == "":
		return q, badRequest("model", "you must provide a model; see GET /v1/models")
	}
	return q, nil
}

// understandForm reads the fields of a form but not its files.
func (q question) understandForm(contentType string) (question, *apiError) {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "multipart/form-data" {
		return q, badRequest("", "this interface takes multipart/form-data")
	}
	q.form = contentType
	parts := stdmultipart.NewReader(bytes.NewReader(q.body), params["boundary"])
	models := 0
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return q, badRequest("", "the form could not be read: %v", err)
		}
		switch name := part.FormName(); {
		case name == "model":
			models++
			value, _ := io.ReadAll(io.LimitReader(part, 1<<10))
			q.read.Model = string(value)
		case strings.EqualFold(name, "model"):
			return q, badRequest("model", "the field %q differs from \"model\" in case only", name)
		case name == "stream":
			value, _ := io.ReadAll(io.LimitReader(part, 16))
			q.read.Stream = string(value) == "true"
		}
	}
	switch {
	case models > 1:
		return q, badRequest("model", "the field \"model\" is there twice")
	case q.read.Model == "":
		return q, badRequest("model", "the form has no field \"model\"; see GET /v1/models")
	}
	q.read.N = 1
	return q, nil
}

// bytesPerToken is how much of a prompt one token takes, roughly: 4 for English
// text, less for others.
const bytesPerToken = 4

// promptTokens estimates the prompt.
func (q question) promptTokens() int64 {
	n := len(q.body)
	if q.read.Prompt.Found() {
		n = q.read.Prompt.To - q.read.Prompt.From
	}
	return int64(n/bytesPerToken) + 1
}

// forServer is the body under the name that the server serves.
func (q question) forServer(serves string) []byte {
	if q.form != "" {
		return formWithModel(q.body, q.form, serves)
	}
	read := q.read
	if q.iface.kind != completions { // the others tell the usage unasked
		read.Usage = true
	}
	return read.Rewrite(q.body, serves)
}

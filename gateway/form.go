package gateway

import (
	"bytes"
	"io"
	"mime"
	stdmultipart "mime/multipart"
)

// formWithModel is the form with another value of the field model; the boundary
// stays, and so does every other part. A form that cannot be read (it was read
// before) is left as it is.
func formWithModel(body []byte, contentType, model string) []byte {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return body
	}
	var out bytes.Buffer
	out.Grow(len(body) + len(model))
	w := stdmultipart.NewWriter(&out)
	if w.SetBoundary(params["boundary"]) != nil {
		return body
	}
	parts := stdmultipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return body
		}
		to, err := w.CreatePart(part.Header)
		if err != nil {
			return body
		}
		var from io.Reader = part
		if part.FormName() == "model" {
			from = bytes.NewReader([]byte(model))
		}
		if _, err := io.Copy(to, from); err != nil {
			return body
		}
	}
	if w.Close() != nil {
		return body
	}
	return out.Bytes()
}

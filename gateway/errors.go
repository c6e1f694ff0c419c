package gateway

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// apiError is an answer of the gateway's own, in OpenAI's form.
type apiError struct {
	status  int
	kind    string // OpenAI's "type"
	code    string
	param   string
	message string
	retry   time.Duration // for Retry-After; 0 = none
}

func (e *apiError) Error() string { return e.message }

type errorBody struct {
	Error errorFields `json:"error"`
}

type errorFields struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func (e *apiError) body() []byte {
	f := errorFields{Message: e.message, Type: e.kind}
	if e.code != "" {
		f.Code = &e.code
	}
	if e.param != "" {
		f.Param = &e.param
	}
	out, _ := json.Marshal(errorBody{f}) // strings always can be
	return out
}

// write answers with the error. It is called before anything else was written.
func (e *apiError) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if e.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.retry.Seconds()))))
	}
	if e.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	body := e.body()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.status)
	_, _ = w.Write(body) // the client has left
}

func badRequest(param, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: "invalid_request_error", param: param, message: fmt.Sprintf(format, args...)}
}

func notFound(message string) *apiError {
	return &apiError{status: http.StatusNotFound, kind: "invalid_request_error", message: message}
}

func unavailable(retry time.Duration, format string, args ...any) *apiError {
	return &apiError{status: http.StatusServiceUnavailable, kind: "server_error", code: "unavailable",
		message: fmt.Sprintf(format, args...), retry: retry}
}

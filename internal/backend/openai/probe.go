package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// maxBody bounds what is read of an answer; embeddings are the largest, some
// 100 KB.
const maxBody = 4 << 20

// Health asks whether the server says that it is up: status 200. Anything else
// is a Failure of class unhealthy.
func Health(ctx context.Context, client *http.Client, url string) error {
	status, body, err := call(ctx, client, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return refused(http.MethodGet, url, status, body)
	}
	return nil
}

// Serves checks that /v1/models lists the model: a Failure of class wrong
// names what it serves instead.
func Serves(ctx context.Context, client *http.Client, url, model string) error {
	target := url + "/v1/models"
	status, body, err := call(ctx, client, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return refused(http.MethodGet, target, status, body)
	}
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return aim.Failf(aim.ClassUnhealthy, "%s answers something that is not a list of models: %v", target, err)
	}
	var ids []string
	for _, m := range list.Data {
		ids = append(ids, m.ID)
	}
	if !slices.Contains(ids, model) {
		return aim.Failf(aim.ClassWrongName, "%s serves %s, not %s", url, strings.Join(ids, ", "), model)
	}
	return nil
}

// request is one real request of a task.
type request struct {
	path string
	body func(model string) map[string]any
	list string // field of the answer that must be a list with something in it
}

// requests lists, for each task, what is asked until one is answered: not every
// model has every interface.
var requests = map[string][]request{
	"generate": {
		{"/v1/completions", func(m string) map[string]any {
			return map[string]any{"model": m, "prompt": "Hello", "max_tokens": 1, "temperature": 0}
		}, "choices"},
		{"/v1/chat/completions", func(m string) map[string]any {
			return map[string]any{"model": m, "messages": []map[string]string{{"role": "user", "content": "Hello"}}, "max_tokens": 1, "temperature": 0}
		}, "choices"},
	},
	"embed": {{"/v1/embeddings", func(m string) map[string]any {
		return map[string]any{"model": m, "input": "Hello"}
	}, "data"}},
	"rerank": {{"/v1/rerank", func(m string) map[string]any {
		return map[string]any{"model": m, "query": "Hello", "documents": []string{"Hello", "Goodbye"}}
	}, "results"}},
	"score": {{"/v1/score", func(m string) map[string]any {
		return map[string]any{"model": m, "text_1": "Hello", "text_2": "Goodbye"}
	}, "data"}},
}

// tasks in the order in which they are tried on a server that has not the
// interface of its own.
var tasks = []string{"generate", "embed", "rerank", "score"}

// Proves checks that the server serves the model under this name, and then that
// it answers one real request.
func Proves(ctx context.Context, client *http.Client, url, model, task string) (served string, err error) {
	if err := Serves(ctx, client, url, model); err != nil {
		return "", err
	}
	return Answers(ctx, client, url, model, task)
}

// Answers sends one real request of the task ("" = generate) and checks that
// the answer holds something: a server that is up can still fail its first
// forward pass. A server without an interface for the task is asked once by those
// of the others, since what a model is for is sometimes only known by its name;
// served is the task that it has answered. The error is a Failure of class
// unhealthy, or wrong_task where the server has none of the interfaces.
func Answers(ctx context.Context, client *http.Client, url, model, task string) (served string, err error) {
	if task == "" {
		task = "generate"
	}
	if requests[task] == nil {
		return "", aim.Failf(aim.ClassInternal, "no request is known for task %q", task)
	}
	missing, first := answersTask(ctx, client, url, model, task)
	if !missing {
		return task, first
	}
	for _, other := range tasks {
		if other == task {
			continue
		}
		if missing, err := answersTask(ctx, client, url, model, other); !missing {
			return other, err
		}
	}
	return "", aim.Failf(aim.ClassTask, "%s, and it has no interface of another task", aim.FailureOf(first).Why)
}

// answersTask sends the requests of one task until one is answered. missing is
// true when the server has none of their interfaces for this model.
func answersTask(ctx context.Context, client *http.Client, url, model, task string) (missing bool, err error) {
	for _, r := range requests[task] {
		if missing, err = ask(ctx, client, url, r, model); !missing {
			return false, err
		}
	}
	return true, err
}

// ask sends one request. missing is true when the server has no such interface
// for this model, so that another one may be tried.
func ask(ctx context.Context, client *http.Client, url string, r request, model string) (missing bool, err error) {
	target := url + r.path
	body, err := json.Marshal(r.body(model))
	if err != nil {
		return false, fmt.Errorf("write the request for %s: %w", target, err)
	}
	status, answer, err := call(ctx, client, http.MethodPost, target, body)
	if err != nil {
		return false, err
	}
	if status != http.StatusOK {
		missing = status == http.StatusNotFound || status == http.StatusBadRequest || status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented
		return missing, refused(http.MethodPost, target, status, answer)
	}
	var fields map[string]json.RawMessage
	var list []json.RawMessage
	if json.Unmarshal(answer, &fields) != nil || json.Unmarshal(fields[r.list], &list) != nil || len(list) == 0 {
		return false, aim.Failf(aim.ClassUnhealthy, "POST %s answers without %q: %s", r.path, r.list, short(answer))
	}
	return false, nil
}

// call makes one HTTP request. The error is a Failure of class unhealthy.
func call(ctx context.Context, client *http.Client, method, url string, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, aim.Failf(aim.ClassInternal, "ask %s: %v", url, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, unreachable(ctx, url, err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return 0, nil, unreachable(ctx, url, err)
	}
	return resp.StatusCode, answer, nil
}

// unreachable keeps a cancelled caller's own error: it says nothing about the
// server.
func unreachable(ctx context.Context, url string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("ask %s: %w", url, cause)
	}
	return aim.Failf(aim.ClassUnhealthy, "%s does not answer: %v", url, err)
}

// refused tells the path alone: the address stands beside it wherever it is told.
func refused(method, url string, status int, body []byte) error {
	return aim.Failf(aim.ClassUnhealthy, "%s %s answers %d %s: %s", method, pathOf(url), status, http.StatusText(status), short(body))
}

func pathOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:]
	}
	return url
}

// short is the start of an answer, in one line, for a message.
func short(body []byte) string {
	const most = 200
	s := strings.Join(strings.Fields(string(body)), " ")
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

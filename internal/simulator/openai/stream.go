package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// stream sends the answers as server-sent events, a token an event, and ends
// with [DONE].
func (s *Server) stream(w http.ResponseWriter, r *http.Request, req request, a answer, generations []*generation) {
	events := newEvents(w)
	chat := a.Object == "chat.completion"
	if chat {
		a.Object = "chat.completion.chunk"
	}
	total := usage{}
	for i, g := range generations {
		if chat {
			empty := ""
			events.send(a.with(choice{Index: i, Delta: &spoken{Role: "assistant", Content: &empty}}))
		}
		err := s.speak(r.Context(), g, func(token string) error {
			return events.send(a.with(partChoice(i, token, chat)))
		})
		if err != nil {
			events.fail(err)
			return
		}
		last := partChoice(i, "", chat)
		if chat {
			last.Delta = &spoken{}
		}
		last.FinishReason = &g.reason
		events.send(a.with(last))
		total.add(g)
	}
	if req.Options.IncludeUsage {
		a.Usage = &total
		events.send(a)
	}
	events.done()
}

func (a answer) with(c choice) answer {
	a.Choices = []choice{c}
	return a
}

func partChoice(i int, token string, chat bool) choice {
	if chat {
		return choice{Index: i, Delta: &spoken{Content: &token}}
	}
	return choice{Index: i, Text: &token}
}

// events writes server-sent events.
type events struct {
	w     http.ResponseWriter
	flush *http.ResponseController
	err   error // the first one; nothing is written after it
}

func newEvents(w http.ResponseWriter) *events {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
	return &events{w: w, flush: http.NewResponseController(w)}
}

func (e *events) send(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return e.write(string(text))
}

func (e *events) write(data string) error {
	if e.err == nil {
		_, e.err = fmt.Fprintf(e.w, "data: %s\n\n", data)
	}
	if e.err == nil {
		e.err = e.flush.Flush()
	}
	return e.err
}

// fail tells the client why the stream ends early, as vLLM does: in an event.
func (e *events) fail(err error) {
	var failed *apiError
	if errors.As(err, &failed) {
		_ = e.send(map[string]any{"error": failed})
		e.done()
	}
}

func (e *events) done() { _ = e.write("[DONE]") }

package openai

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// answer is the body of a completion, a chat completion, or a chunk of either.
type answer struct {
	ID        string   `json:"id"`
	Object    string   `json:"object"`
	Created   int64    `json:"created"`
	Model     string   `json:"model"`
	Choices   []choice `json:"choices"`
	Usage     *usage   `json:"usage,omitempty"`
	Simulated bool     `json:"simulated"`
}

// choice has a text, a message or a delta, by kind of answer.
type choice struct {
	Index        int      `json:"index"`
	Text         *string  `json:"text,omitempty"`
	Message      *spoken  `json:"message,omitempty"`
	Delta        *spoken  `json:"delta,omitempty"`
	Logprobs     *float64 `json:"logprobs"` // always null
	FinishReason *string  `json:"finish_reason"`
}

// spoken is what the assistant says.
type spoken struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Total      int `json:"total_tokens"`
	Completion int `json:"completion_tokens"`
}

func (u *usage) add(g *generation) {
	u.Prompt += g.prompt.tokens
	u.Completion += g.tokens
	u.Total = u.Prompt + u.Completion
}

func (s *Server) completions(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, false)
}

func (s *Server) chatCompletions(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, true)
}

// answer serves both kinds of completion, whole or as a stream.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, chat bool) {
	req, generations, failed := s.decide(w, r, chat)
	if failed != nil {
		writeError(w, failed)
		return
	}
	a := s.newAnswer(req.Model, chat)
	if req.Stream {
		s.stream(w, r, req, a, generations)
		return
	}
	a.Usage = &usage{}
	for i, g := range generations {
		var text strings.Builder
		err := s.speak(r.Context(), g, func(token string) error {
			text.WriteString(token)
			return nil
		})
		if err != nil {
			writeFailure(w, err)
			return
		}
		a.Choices = append(a.Choices, wholeChoice(i, text.String(), g.reason, chat))
		a.Usage.add(g)
	}
	writeJSON(w, http.StatusOK, a)
}

// decide reads a request and decides on its answers; one for each prompt.
func (s *Server) decide(w http.ResponseWriter, r *http.Request, chat bool) (req request, all []*generation, failed *apiError) {
	if s.dead.Load() {
		return req, nil, engineDead()
	}
	if failed = read(w, r, &req); failed != nil {
		return req, nil, failed
	}
	if req.Model, failed = s.resolve(req.Model); failed != nil {
		return req, nil, failed
	}
	prompts, failed := req.prompts(chat)
	if failed != nil {
		return req, nil, failed
	}
	for _, p := range prompts {
		g, failed := s.plan(req, p)
		if failed != nil {
			return req, nil, failed
		}
		all = append(all, g)
	}
	return req, all, nil
}

func (r request) prompts(chat bool) ([]prompt, *apiError) {
	if !chat {
		return parsePrompt(r.Prompt)
	}
	p, err := r.chatPrompt()
	return []prompt{p}, err
}

// newAnswer is an answer without choices.
func (s *Server) newAnswer(model string, chat bool) answer {
	kind, prefix := "text_completion", "cmpl"
	if chat {
		kind, prefix = "chat.completion", "chatcmpl"
	}
	return answer{
		ID:      fmt.Sprintf("%s-simulated-%d", prefix, s.last.Add(1)),
		Object:  kind,
		Created: time.Now().Unix(),
		Model:   model, Choices: []choice{}, Simulated: true,
	}
}

func wholeChoice(i int, text, reason string, chat bool) choice {
	if chat {
		return choice{Index: i, Message: &spoken{Role: "assistant", Content: &text}, FinishReason: &reason}
	}
	return choice{Index: i, Text: &text, FinishReason: &reason}
}

// writeFailure answers a request that ended before its answer was whole.
func writeFailure(w http.ResponseWriter, err error) {
	var failed *apiError
	if !errors.As(err, &failed) {
		return // the client is gone
	}
	writeError(w, failed)
}

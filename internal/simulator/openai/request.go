package openai

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// bodyLimit is more than any prompt of a test, and bounds what a client can make
// the server hold.
const bodyLimit = 32 << 20

// request is a completion or chat completion, as far as it is looked at.
type request struct {
	Model     string          `json:"model"`
	Prompt    json.RawMessage `json:"prompt"`   // text, token ids, or a list of either
	Messages  []chatMessage   `json:"messages"` // chat only
	MaxTokens *int            `json:"max_tokens"`
	MaxAnswer *int            `json:"max_completion_tokens"` // newer name of max_tokens
	MinTokens int             `json:"min_tokens"`
	IgnoreEOS bool            `json:"ignore_eos"`
	N         *int            `json:"n"`
	Stream    bool            `json:"stream"`
	Options   struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// chatMessage is one turn of a chat; its content is a text or a list of parts.
type chatMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// read decodes a JSON body.
func read(w http.ResponseWriter, r *http.Request, into any) *apiError {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyLimit)).Decode(into); err != nil {
		return badRequest("Invalid JSON body: %v", err)
	}
	return nil
}

// resolve finds the served name that a request means; none means the first.
func (s *Server) resolve(name string) (string, *apiError) {
	if name == "" || s.config.AnyName {
		return s.config.Names[0], nil
	}
	if !slices.Contains(s.config.Names, name) {
		return "", noSuchModel(name)
	}
	return name, nil
}

// limit is the asked number of tokens, 0 when none was asked for.
func (r request) limit() (int, *apiError) {
	for _, asked := range []*int{r.MaxAnswer, r.MaxTokens} {
		if asked == nil {
			continue
		}
		if *asked < 1 {
			return 0, badRequest("max_tokens must be at least 1, got %d.", *asked)
		}
		return *asked, nil
	}
	return 0, nil
}

// chatPrompt joins the texts of a chat.
func (r request) chatPrompt() (prompt, *apiError) {
	if len(r.Messages) == 0 {
		return prompt{}, badRequest("messages must not be empty.")
	}
	var texts []string
	for _, m := range r.Messages {
		text, err := contentText(m.Content)
		if err != nil {
			return prompt{}, err
		}
		texts = append(texts, m.Role, text)
	}
	return promptOf(strings.Join(texts, " ")), nil
}

// contentText reads the content of a message: a text, or parts of which the text
// ones count.
func contentText(raw json.RawMessage) (string, *apiError) {
	var text string
	if raw == nil || json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", badRequest("content must be a text or a list of parts.")
	}
	for _, p := range parts {
		text += " " + p.Text
	}
	return text, nil
}

// prompt is what the server knows of an input.
type prompt struct {
	text   string
	tokens int
}

func promptOf(text string) prompt {
	return prompt{text: text, tokens: max(len(strings.Fields(text)), 1)}
}

// parsePrompt reads the forms that the API allows: a text, token ids, or a list
// of either.
func parsePrompt(raw json.RawMessage) ([]prompt, *apiError) {
	if p, ok := onePrompt(raw); ok {
		return []prompt{p}, nil
	}
	refused := badRequest("the input must be a text, a list of token ids, or a list of either.")
	var many []json.RawMessage
	if err := json.Unmarshal(raw, &many); err != nil || len(many) == 0 {
		return nil, refused
	}
	all := make([]prompt, len(many))
	for i, one := range many {
		var ok bool
		if all[i], ok = onePrompt(one); !ok {
			return nil, refused
		}
	}
	return all, nil
}

// onePrompt reads a text or a list of token ids.
func onePrompt(raw json.RawMessage) (prompt, bool) {
	var text *string
	if json.Unmarshal(raw, &text) == nil && text != nil {
		return promptOf(*text), true
	}
	var ids []int
	if json.Unmarshal(raw, &ids) == nil && len(ids) > 0 {
		return prompt{text: string(raw), tokens: len(ids)}, true
	}
	return prompt{}, false
}

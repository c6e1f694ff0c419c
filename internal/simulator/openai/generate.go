package openai

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/aim-engine/aim/internal/pause"
)

// answerLength is how many tokens an answer has that no limit cuts short.
const answerLength = 24

// vocabulary is what answers are made of.
var vocabulary = [...]string{
	"the", "node", "holds", "a", "claim", "while", "its", "replica", "answers", "from",
	"memory", "and", "no", "weight", "was", "read", "to", "write", "this", "line",
	"because", "every", "token", "here", "is", "only", "chosen", "by", "counting", "words",
}

// generation is an answer that is decided but not yet spoken.
type generation struct {
	prompt   prompt
	asked    int    // max_tokens of the request; 0 = none
	tokens   int    // length of the answer
	reason   string // stop or length
	seed     uint64
	arrived  time.Time
	admitted time.Time // when it left the queue
}

// plan decides how long the answer to a prompt is, and refuses what is longer
// than the context.
func (s *Server) plan(r request, p prompt) (*generation, *apiError) {
	asked, err := r.limit()
	if err != nil {
		return nil, err
	}
	if r.N != nil && *r.N != 1 {
		return nil, badRequest("a simulated server answers once: n must be 1, got %d.", *r.N)
	}
	room := s.config.MaxModelLen - p.tokens
	if room < max(asked, 1) {
		return nil, badRequest("This model's maximum context length is %d tokens, but the request has %d in the prompt and asks for %d.",
			s.config.MaxModelLen, p.tokens, asked)
	}
	g := &generation{prompt: p, asked: asked, tokens: max(answerLength, r.MinTokens), reason: "stop", arrived: time.Now()}
	limit := asked
	if limit == 0 {
		limit = room
	}
	if r.IgnoreEOS || g.tokens >= limit {
		g.tokens, g.reason = limit, "length"
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(p.text)) // never fails
	g.seed = hash.Sum64()
	return g, nil
}

// token is the i-th token of the answer, blank included where one belongs.
func (g *generation) token(i int) string {
	if i == 0 {
		return "(simulated)"
	}
	// Two steps through the vocabulary that differ by prompt.
	n := uint64(len(vocabulary))
	return " " + vocabulary[(g.seed+uint64(i)*(1+g.seed/n%(n-1)))%n]
}

// speak runs one request: it waits for a free slot, then gives the tokens to say
// one after another, as fast as the server is meant to be.
func (s *Server) speak(ctx context.Context, g *generation, say func(token string) error) error {
	if err := s.admit(ctx); err != nil {
		return err
	}
	g.admitted = time.Now()
	s.enter(g)
	defer s.leave(g)
	first := g.admitted
	for i := range g.tokens {
		delay := s.config.TPOT
		if i == 0 {
			delay = s.config.TTFT
		}
		if err := pause.For(ctx, delay); err != nil {
			return s.aborted(err)
		}
		if isClosed(s.stalled) {
			<-ctx.Done()
			return s.aborted(ctx.Err())
		}
		if s.dead.Load() {
			return s.aborted(engineDead())
		}
		s.metrics.token(g, i)
		if err := say(g.token(i)); err != nil {
			return s.aborted(err)
		}
		if i == 0 {
			first = time.Now()
		}
	}
	s.metrics.finished(g, first)
	return nil
}

// admit waits for a free slot.
func (s *Server) admit(ctx context.Context) error {
	s.metrics.waiting.Inc()
	defer s.metrics.waiting.Dec()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return s.aborted(ctx.Err())
	}
}

// enter and leave count a running request and the KV cache that it fills.
func (s *Server) enter(g *generation) {
	s.metrics.running.Inc()
	s.metrics.kvTokens.Add(int64(g.prompt.tokens + g.tokens))
}

func (s *Server) leave(g *generation) {
	<-s.slots
	s.metrics.running.Dec()
	s.metrics.kvTokens.Add(-int64(g.prompt.tokens + g.tokens))
}

func (s *Server) aborted(err error) error {
	s.metrics.ended["abort"].Inc()
	return err
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

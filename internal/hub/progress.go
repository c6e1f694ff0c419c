package hub

import (
	"sync"

	"github.com/aim-engine/aim"
)

// progress is how far a fetch has come; every caller that waits for the fetch
// reads it in its own time.
type progress struct {
	mu  sync.Mutex
	now aim.Progress
}

// begin sets the bytes to have in the end and those that are here already.
func (p *progress) begin(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Done, p.now.Total, p.now.Note = done, total, ""
}

// add moves the count; what is discarded is added as a negative number.
func (p *progress) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Done += n
}

// note says in words what is going on.
func (p *progress) note(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Note = s
}

func (p *progress) get() aim.Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now
	now.Step = "fetch"
	return now
}

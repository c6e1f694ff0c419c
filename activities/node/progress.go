package node

import (
	"bufio"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/aim-engine/aim"
)

// progress remembers when a starting server last came on, and what it waits for.
// Only something new is progress: a milestone, or a line that has not been said
// before. The same thing said again is none, whatever times and numbers it names;
// nor is a stack dump, nor the access log of our own questions.
type progress struct {
	tell func(note string)

	mu    sync.Mutex
	at    time.Time
	text  string
	known map[string]bool
}

// newProgress starts the clock; tell hears each note.
func newProgress(tell func(note string)) *progress {
	return &progress{tell: tell, at: time.Now(), text: "started", known: map[string]bool{}}
}

// line takes a line of the log.
func (p *progress) line(text string) {
	saying, ok := gist(text)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.new("line " + saying) {
		p.at = time.Now()
	}
}

// milestone is a step of the start; the same one again is none.
func (p *progress) milestone(text string) {
	p.mu.Lock()
	news := p.new("milestone " + text)
	if news {
		p.at = time.Now()
	}
	p.mu.Unlock()
	if news {
		p.note(text)
	}
}

// healthyBut begins the notes of a server that is up and not proved. What its log
// says of the start is no news any more then.
const healthyBut = "healthy, "

// note says what the server does, or what is waited for. It is no progress.
func (p *progress) note(text string) {
	p.mu.Lock()
	if strings.HasPrefix(p.text, healthyBut) && !strings.HasPrefix(text, healthyBut) {
		text = p.text
	}
	news := p.text != text
	p.text = text
	p.mu.Unlock()
	if news {
		p.tell(text)
	}
}

// new tells whether something is said for the first time, as far as is remembered.
func (p *progress) new(saying string) bool {
	const most = 10_000 // sayings; a start has some hundred
	if p.known[saying] {
		return false
	}
	if len(p.known) == most {
		clear(p.known)
	}
	p.known[saying] = true
	return true
}

func (p *progress) idle() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.at)
}

func (p *progress) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text
}

var (
	// access is uvicorn's and the router's line for a request.
	access = aim.Pattern(`"(GET|POST|HEAD|OPTIONS) \S+ HTTP/\d`)
	// stack is a line of a dump of what threads do.
	stack = aim.Pattern(`File ".*", line \d+|most recent call (first|last)|^\s*(#\d+|at) |\bThread 0x`)
	// counts is a word that counts how far something is: 8/17, (47%).
	counts = aim.Pattern(`^\W*\d+(\.\d+)?(/\d+|%)\W*$`)
	digit  = aim.Pattern(`\d`)
)

// gist is what a line says, without the words that differ each time it is said
// (times, process numbers, addresses, seconds waited); how far something has come
// is kept. ok is false for lines that say nothing about the start.
func gist(line string) (saying string, ok bool) {
	if access().MatchString(line) || stack().MatchString(line) {
		return "", false
	}
	words := strings.Fields(line)
	for i, w := range words {
		if digit().MatchString(w) && !counts().MatchString(w) {
			words[i] = "#"
		}
	}
	saying = strings.Join(words, " ")
	return saying, strings.Trim(saying, "# ") != ""
}

// readLine reads up to the next newline. Of a longer line than a log has, the
// beginning counts and the rest is passed over.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	text := string(line)
	for err == bufio.ErrBufferFull {
		_, err = r.ReadSlice('\n')
	}
	if err == io.EOF && text != "" {
		return text, nil
	}
	return text, err
}

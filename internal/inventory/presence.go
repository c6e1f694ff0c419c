package inventory

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// Each daemon tells of itself now and then, when it is asked, and at its end with
// no content. What is not repeated is forgotten.
const (
	presentEvery = 10 * time.Second
	presentFor   = 35 * time.Second
	// mostProcesses and longestProcess bound what is believed of others.
	mostProcesses  = 50_000
	longestProcess = 4 << 10
)

// Announce tells of a process until ctx ends. An error is one of subscribing.
func Announce(ctx context.Context, conn *Conn, p aim.Process) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	subject := processPrefix + string(p.Kind) + "." + token(p.ID)
	say := func() { _ = conn.publish(subject, data) } // the next one may get through
	subs := subscriptions{conn: conn}
	defer subs.end()
	if err := subs.add(processesSubject, "", func(*nats.Msg) { say() }); err != nil {
		return err
	}
	defer conn.whenReconnected(say)()
	say()
	tick := time.NewTicker(presentEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = conn.publish(subject, nil) // it is forgotten soon anyhow
			return nil
		case <-tick.C:
			say()
		}
	}
}

// token makes any name one token of a subject.
func token(name string) string { return strconv.FormatUint(serverHash(name), 36) }

// Processes are those that have told of themselves. The zero value has heard nobody.
type Processes struct {
	now func() time.Time // nil = time.Now

	mu    sync.Mutex
	heard map[string]heardProcess // by subject
}

type heardProcess struct {
	aim.Process
	at time.Time
}

// Run listens until ctx ends. An error is one of subscribing.
func (p *Processes) Run(ctx context.Context, conn *Conn) error {
	subs := subscriptions{conn: conn}
	defer subs.end()
	if err := subs.add(processPrefix+">", "", func(m *nats.Msg) { p.hear(m.Subject, m.Data) }); err != nil {
		return err
	}
	ask := func() { _ = conn.publish(processesSubject, nil) } // they tell of themselves anyhow
	defer conn.whenReconnected(ask)()
	ask()
	<-ctx.Done()
	return nil
}

func (p *Processes) hear(subject string, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(data) == 0 {
		delete(p.heard, subject)
		return
	}
	var said aim.Process
	if len(data) > longestProcess || json.Unmarshal(data, &said) != nil || said.ID == "" ||
		subject != processPrefix+string(said.Kind)+"."+token(said.ID) {
		return
	}
	if p.heard == nil {
		p.heard = map[string]heardProcess{}
	}
	if _, known := p.heard[subject]; !known && len(p.heard) >= mostProcesses {
		return
	}
	p.heard[subject] = heardProcess{said, p.clock()}
}

// List is who runs now, by kind and id.
func (p *Processes) List() []aim.Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []aim.Process
	now := p.clock()
	for subject, h := range p.heard {
		if now.Sub(h.at) > presentFor {
			delete(p.heard, subject)
			continue
		}
		all = append(all, h.Process)
	}
	slices.SortFunc(all, func(a, b aim.Process) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	return all
}

func (p *Processes) clock() time.Time {
	if p.now == nil {
		return time.Now()
	}
	return p.now()
}

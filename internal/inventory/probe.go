package inventory

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aim-engine/aim"
)

const (
	// probeTimeout of one endpoint. A server under full load answers /health in
	// milliseconds; two rounds of this are the time a dead machine costs.
	probeTimeout = time.Second
	// maxProbes run at a time, so that a fleet that falls silent at once does
	// not make a storm.
	maxProbes = 64
)

// HTTPProbe asks GET /health of an endpoint. Any HTTP answer counts, 500 too:
// the question is whether the machine is there, not whether the server is well.
func HTTPProbe(ctx context.Context, e aim.Endpoint) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(e.URL, "/")+"/health", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // an old connection proves nothing
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<10) // the headers were the answer
	return resp.Body.Close()
}

// probeSlots runs probe rounds.
type probeSlots struct {
	slots chan struct{}
	wg    *sync.WaitGroup
}

func newProbeSlots() probeSlots {
	return probeSlots{slots: make(chan struct{}, maxProbes), wg: &sync.WaitGroup{}}
}

// start asks the endpoints of one node, all at once, and reports whether one
// answered. A round that is cut short by ctx reports nothing.
func (p probeSlots) start(ctx context.Context, endpoints []aim.Endpoint, ask func(context.Context, aim.Endpoint) error, report func(bool)) {
	p.wg.Go(func() {
		select {
		case p.slots <- struct{}{}:
			defer func() { <-p.slots }()
		case <-ctx.Done():
			return
		}
		answered := anyAnswers(ctx, endpoints, ask)
		if ctx.Err() == nil {
			report(answered)
		}
	})
}

// anyAnswers returns with the first answer, or when all have failed.
func anyAnswers(ctx context.Context, endpoints []aim.Endpoint, ask func(context.Context, aim.Endpoint) error) bool {
	round, cancel := context.WithTimeout(ctx, probeTimeout)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	results := make(chan error, len(endpoints))
	for _, e := range endpoints {
		all.Go(func() { results <- ask(round, e) })
	}
	for range endpoints {
		if err := <-results; err == nil {
			return true
		}
	}
	return false
}

func (p probeSlots) wait() { p.wg.Wait() }

package inventory

import (
	"context"
	"encoding/json"
	"fmt"
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

// HTTPProbe asks whether the server that was proved at this endpoint is still
// there: whether its model is served. How well it does is no matter, but an answer of
// another server that has the port by now, or of a proxy in between, is none. TGI
// takes any name for its model and lists none; there whoever tells of a model counts.
func HTTPProbe(ctx context.Context, e aim.Endpoint) error {
	path := "/v1/models"
	if e.Backend == "tgi" {
		path = "/info"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(e.URL, "/")+path, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // an old connection proves nothing
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		return nil // it wants its key, which only its node has
	}
	var told struct {
		Model string `json:"model_id"`
		Data  []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&told); err != nil {
		return fmt.Errorf("%s answers %s, and tells of no model: %w", e.URL, resp.Status, err)
	}
	if e.Backend == "tgi" && told.Model != "" {
		return nil
	}
	for _, m := range told.Data {
		if m.ID == e.Model {
			return nil
		}
	}
	return fmt.Errorf("%s answers %s, and does not serve %s", e.URL, resp.Status, e.Model)
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

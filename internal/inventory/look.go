package inventory

import "github.com/aim-engine/aim"

// Fleet is the fleet at this moment; ages may be 100 ms old. It is shared with
// other callers and must not be changed.
func (v *View) Fleet() aim.Fleet {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.opts.Now()
	if v.cacheOf != v.t.mark || v.cacheAt.IsZero() || now.Sub(v.cacheAt) >= cachedFor {
		v.cached, v.cacheAt, v.cacheOf = v.t.fleet(now), now, v.t.mark
	}
	return v.cached
}

// Since returns what has changed after the mark of an earlier call, 0 for
// everything. Beats alone are no change.
func (v *View) Since(mark uint64) Changes {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.t.since(mark, v.opts.Now())
}

// Changes returns a channel that gets a value when there is something new, and
// a function that ends it. Several changes may come as one value: read Since
// after each. The first value is there at once.
func (v *View) Changes() (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	ch <- struct{}{}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.changed[ch] = true
	return ch, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.changed, ch)
	}
}

// Verdict is the judgement of one node with its reason; ok is false for a node
// that is not known.
func (v *View) Verdict(id string) (verdict Verdict, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p, ok := v.t.peers[id]
	if !ok {
		return Verdict{}, false
	}
	return p.verdict, true
}

// Held tells whether replacements of lost replicas must wait, and why: too many
// nodes went at once, or control cannot hear itself.
func (v *View) Held() (held bool, reason string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.opts.Now()
	if reason = v.t.guard.reason(now); reason == "" {
		reason = v.t.brake.reason(now)
	}
	return reason != "", reason
}

// Settled is closed once the view has had the time to hear every node that is
// up, 1.5 s to 5 s after Run began. Before that a request must not be called
// impossible.
func (v *View) Settled() <-chan struct{} { return v.settled }

// Expect says that this node should be up because replicas run on it, so that
// a control which starts late judges nodes it never hears. Address and
// endpoints (those with Healthy set are probed) are what the caller knows; a
// node that has been heard is left alone.
func (v *View) Expect(n aim.Node) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.t.expect(n, v.opts.Now())
}

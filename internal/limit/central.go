package limit

import (
	"context"
	"sync"
	"time"
)

// Kind is one of the budgets of a key.
type Kind string

// The budgets. All but Concurrency are of a window and end with it.
const (
	Requests    Kind = "requests"     // of a UTC minute
	Tokens      Kind = "tokens"       // of a UTC minute
	DailyTokens Kind = "daily_tokens" // of a UTC day
	Concurrency Kind = "concurrency"  // requests at once
)

// Draw asks for a part of one budget of one key.
type Draw struct {
	Key    string    `json:"key"`
	Kind   Kind      `json:"kind"`
	Window time.Time `json:"window"` // its start; zero for Concurrency
	Limit  int64     `json:"limit"`
	// Want is what is asked for; a negative one gives back.
	Want int64 `json:"want"`
	// AtLeast is the part without which the rest is of no use.
	AtLeast int64 `json:"at_least"`
	// Force grants Want whatever the limit: tokens that were spent already.
	Force  bool   `json:"force,omitempty"`
	Holder string `json:"holder"` // the gateway
}

// Grant is the answer: what was granted, and what nobody has drawn yet.
type Grant struct {
	Granted int64 `json:"granted"`
	Left    int64 `json:"left"`
}

// Source gives out parts of budgets. An error means that nobody could be asked.
type Source interface {
	Draw(ctx context.Context, d Draw) (Grant, error)
}

// HoldFor is how long a gateway that is not heard keeps its part of a key's
// concurrency. Parts of a window need no such rule: they end with it.
const HoldFor = 60 * time.Second

// Central is the one place where budgets are given out: in control for a fleet, in
// the gateway itself where there is one. A gateway that dies takes what it had
// drawn with it, so that limits hold whatever happens.
type Central struct {
	now func() time.Time

	mu    sync.Mutex
	spent map[budget]*int64
	held  map[budget]map[string]*holding // of Concurrency, by holder
	swept time.Time
}

type budget struct {
	key    string
	kind   Kind
	window int64 // unix seconds
}

type holding struct {
	n     int64
	until time.Time
}

// NewCentral makes a place where nothing is drawn yet.
func NewCentral(now func() time.Time) *Central {
	return &Central{now: now, spent: map[budget]*int64{}, held: map[budget]map[string]*holding{}}
}

// Draw grants what is left, or nothing where that is less than AtLeast.
func (c *Central) Draw(_ context.Context, d Draw) (Grant, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.sweep(now)
	if d.Kind == Concurrency {
		return c.drawHolding(d, now), nil
	}
	b := budget{d.Key, d.Kind, d.Window.Unix()}
	spent := c.spent[b]
	if spent == nil {
		spent = new(int64)
		c.spent[b] = spent
	}
	granted := d.Of(d.Limit - *spent)
	*spent = max(0, *spent+granted)
	return Grant{granted, max(0, d.Limit-*spent)}, nil
}

// Of is how much of what is left is given: nothing where it is less than AtLeast.
func (d Draw) Of(left int64) int64 {
	switch {
	case d.Want <= 0 || d.Force:
		return d.Want
	case left < max(d.AtLeast, 1):
		return 0
	}
	return min(d.Want, left)
}

// drawHolding gives out places; they come back, or time out with their holder.
func (c *Central) drawHolding(d Draw, now time.Time) Grant {
	b := budget{key: d.Key, kind: d.Kind}
	holders := c.held[b]
	if holders == nil {
		holders = map[string]*holding{}
		c.held[b] = holders
	}
	var all int64
	for id, h := range holders {
		if id != d.Holder && now.After(h.until) {
			delete(holders, id)
			continue
		}
		all += h.n
	}
	mine := holders[d.Holder]
	if mine == nil {
		mine = &holding{}
		holders[d.Holder] = mine
	}
	granted := d.Of(d.Limit - all)
	mine.n, mine.until = max(0, mine.n+granted), now.Add(HoldFor)
	return Grant{granted, max(0, d.Limit-all-granted)}
}

// sweep forgets windows that are over, once a minute.
func (c *Central) sweep(now time.Time) {
	if now.Sub(c.swept) < time.Minute {
		return
	}
	c.swept = now
	for b := range c.spent {
		length := time.Minute
		if b.kind == DailyTokens {
			length = 24 * time.Hour
		}
		if now.Sub(time.Unix(b.window, 0)) > length+time.Minute {
			delete(c.spent, b)
		}
	}
}

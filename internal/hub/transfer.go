package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aim-engine/aim"
)

// one makes one blob present and verified. Bytes that do not match the hash are
// thrown away and asked for once more: the first time may have been a part that
// a dying disk or another program left.
func (f *fetch) one(ctx context.Context, commit string, want file) error {
	unlock, err := f.store.lock(ctx, want.Blob, func() func() {
		f.progress.note("waiting for another program that fetches " + want.Name)
		return func() { f.progress.note("") }
	})
	if err != nil {
		return diskUnless(ctx, err)
	}
	defer unlock()
	if f.store.has(want) {
		return nil
	}
	p, err := f.store.openPart(want)
	if err != nil {
		return err
	}
	defer p.f.Close()
	for range 2 {
		if err := f.transfer(ctx, commit, p); err != nil {
			return fmt.Errorf("file %s: %w", want.Name, err)
		}
		if p.verified() {
			return p.finish()
		}
		if err := f.restart(p); err != nil {
			return err
		}
	}
	return wrongBytes(f.store.repo, want)
}

// wrongBytes is the failure of content that does not verify.
func wrongBytes(r repo, f file) *aim.Failure {
	return aim.Failf(aim.ClassWeights, "file %s of model %s arrived twice with bytes that do not match its hash", f.Name, r).
		WithHint("the hub or something between it and the node damages files; try again, or name another mirror with HF_ENDPOINT")
}

// transfer gets the bytes that the part lacks, however often the connection is
// cut on the way.
func (f *fetch) transfer(ctx context.Context, commit string, p *part) error {
	if p.have == p.want.Size {
		return nil
	}
	return f.api.pace.keep(ctx, func() (bool, error) {
		before := p.have
		err := f.attempt(ctx, commit, p)
		return p.have-before >= worthwhile, err
	})
}

// worthwhile is how many bytes make an attempt that was cut count as a success:
// with fewer, a hub that cuts every connection would never be given up.
const worthwhile = 1 << 20

// leastPerStall is how many bytes a connection must bring in each stall time: one
// that drips counts as silent, or a hub that never ends an answer would hold a
// fetch for ever.
const leastPerStall = 16 << 10

var errStalled = errors.New("the connection went silent")

// attempt is one request for the rest of the part.
func (f *fetch) attempt(ctx context.Context, commit string, p *part) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := f.api.pace.stall
	watchdog := time.AfterFunc(stall, func() { cancel(errStalled) })
	defer watchdog.Stop()

	body, from, err := f.api.get(ctx, commit, p.want, p.have)
	if err != nil {
		return f.unanswered(ctx, p, err)
	}
	defer body.Close()
	if from != p.have {
		if err := f.restart(p); err != nil {
			return err
		}
	}
	trickle := 0 // bytes since the watchdog last heard of any
	received := reader(func(b []byte) (int, error) {
		n, err := body.Read(b)
		if trickle += n; trickle >= leastPerStall {
			watchdog.Reset(stall)
			trickle = 0
		}
		f.progress.add(int64(n))
		return n, err
	})
	if err := p.fill(received); err != nil {
		return cause(ctx, err)
	}
	return nil
}

// unanswered handles a request without a body. A range that the server does not
// have means that the part is not what we take it for.
func (f *fetch) unanswered(ctx context.Context, p *part, err error) error {
	if a, ok := errors.AsType[*answer](err); ok && a.status == http.StatusRequestedRangeNotSatisfiable {
		return errors.Join(err, f.restart(p))
	}
	return cause(ctx, err)
}

// restart throws the part's bytes away.
func (f *fetch) restart(p *part) error {
	f.progress.add(-p.have)
	return p.reset()
}

// cause prefers the reason for which a request was cut to how net/http puts it.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the connection was cut")
	}
	return err
}

// reader is a function that reads.
type reader func(b []byte) (int, error)

func (r reader) Read(b []byte) (int, error) { return r(b) }

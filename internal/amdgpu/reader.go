package amdgpu

import (
	"context"
	"time"

	"github.com/aim-engine/aim"
)

// defaultTimeBox is how long one device may take to answer. A healthy machine
// with 64 partitions is read in well under 0.1 s; the error counters of a busy
// GPU ask its firmware and take some 10 ms each.
const defaultTimeBox = 2 * time.Second

// Reader reads the GPUs of one machine. It keeps nothing between calls but
// which device files still hang, and may be used by several goroutines.
type Reader struct {
	root     string
	fs       FS // nil: the files below root
	allowed  map[string]bool
	baseline func() Baseline
	box      box
}

// Option changes a Reader.
type Option func(*Reader)

// WithFS reads from fs instead of from the disk.
func WithFS(fs FS) Option { return func(r *Reader) { r.fs = fs } }

// WithTimeBox bounds how long Detect waits for a device that does not answer
// (2 s by default). Devices are read at the same time, so any number of them
// costs one time box; the topology and the list of processes have their own.
func WithTimeBox(d time.Duration) Option { return func(r *Reader) { r.box.limit = d } }

// WithAllowed also offers GPUs of these gfx targets ("gfx1100"), which are not
// data centre parts. Integrated GPUs are never offered: their memory is the
// host's.
func WithAllowed(gfx ...string) Option {
	return func(r *Reader) {
		for _, name := range gfx {
			r.allowed[name] = true
		}
	}
}

// WithBaseline accepts the uncorrectable errors that known returns; it is asked
// at each reading. Without it any uncorrectable error makes a GPU unhealthy.
func WithBaseline(known func() Baseline) Option { return func(r *Reader) { r.baseline = known } }

// New returns a reader of the tree at root: the folder above sys/ ("/" on a
// real machine), or sys/ itself.
func New(root string, opts ...Option) *Reader {
	r := &Reader{root: root, allowed: map[string]bool{}, baseline: func() Baseline { return nil }}
	r.box.limit = defaultTimeBox
	for _, opt := range opts {
		opt(r)
	}
	return r
}

// Detect reads topology, health and memory in use. No GPU is not an error:
// Detection.Reason says why there is none. Busy holds what is seen, with no
// regard to claims; the caller knows whose processes they are.
func (r *Reader) Detect(ctx context.Context) (aim.Detection, error) {
	tree, err := r.tree()
	if err != nil {
		return aim.Detection{}, err
	}
	return r.detect(ctx, tree)
}

func (r *Reader) detect(ctx context.Context, tree FS) (aim.Detection, error) {
	seen, err := r.survey(ctx, tree)
	if err != nil {
		return aim.Detection{}, err
	}
	return judge(seen, r.allowed, r.baseline()), nil
}

// Generation is KFD's generation_id: it changes whenever a GPU or partition
// comes or goes. It reads one small file, so it can be polled; "" means that
// there is no KFD, or that it does not answer.
func (r *Reader) Generation() string {
	tree, err := r.tree()
	if err != nil {
		return ""
	}
	id, _ := boxed(context.Background(), &r.box, tree, "generation", readGeneration)
	return id
}

// tree is where to read from. The root is looked at in each call, since a mount
// may come later than the agent.
func (r *Reader) tree() (FS, error) {
	if r.fs != nil {
		return r.fs, nil
	}
	return openDisk(r.root)
}

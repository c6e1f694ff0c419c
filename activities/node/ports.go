package node

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/aim-engine/aim"
)

// GPUReader reads the GPUs of this node, afresh at every call.
type GPUReader interface {
	// Detect reads topology, health and memory in use. No GPU is not an error.
	Detect(ctx context.Context) (aim.Detection, error)
	// Users lists who uses a GPU right now, as far as the kernel tells: one
	// entry a process with memory or queues on it.
	Users(ctx context.Context, gpu aim.GPU) ([]aim.GPUUser, error)
}

// Runtime starts servers on this node and finds them again. Every method is
// idempotent; servers outlive the caller.
type Runtime interface {
	// Name is "docker" or "process".
	Name() string
	// Check tells whether the runtime works, with a Failure of class runtime.
	Check(ctx context.Context) error
	// Bind is the address and port that a server started here must listen on
	// to be reached at address:port of the node.
	Bind(address string, port int) (host string, listen int)
	// HasImage tells whether the image need not be pulled.
	HasImage(ctx context.Context, image string) (bool, error)
	// Pull makes the image present and reports bytes.
	Pull(ctx context.Context, image string, report func(aim.Progress)) error
	// Start starts the server, or finds it running with the same UID and token.
	Start(ctx context.Context, launch aim.Launch) (aim.Server, error)
	// Find returns the server of this identity, running or ended; ok is false
	// when there is none.
	Find(ctx context.Context, id aim.Identity) (server aim.Server, ok bool, err error)
	// List returns every server of ours on this node, running or ended.
	List(ctx context.Context) ([]aim.Server, error)
	// Wait returns when the server has ended, or with ctx's error.
	Wait(ctx context.Context, id aim.Identity) (aim.Exit, error)
	// Stop asks the server to end, kills it after grace, and returns when it is
	// gone. No such server is no error. Its logs are kept.
	Stop(ctx context.Context, id aim.Identity, grace time.Duration) error
	// Remove deletes what is left of an ended server but its logs.
	Remove(ctx context.Context, id aim.Identity) error
	// Logs reads a server's output from the start; with follow it goes on until
	// the server ends or ctx does. It works for an ended server too.
	Logs(ctx context.Context, id aim.Identity, opts aim.LogOptions) (io.ReadCloser, error)
}

// Impersonator is a Runtime whose servers run as a user of their own.
type Impersonator interface {
	// ServerUser is who servers of this level read files as; ok is false when that
	// is this process's user, or not known.
	ServerUser(level aim.ContainerLevel) (user aim.User, ok bool)
}

// Backend knows one LLM server: its command line, its HTTP and its log.
type Backend interface {
	// Name is "vllm", "sglang" or "tgi".
	Name() string
	// Args renders the rung's command line after the serve command, bound to
	// host:port, and the environment. A bad option is a Failure.
	Args(rung aim.Rung, host string, port int) (args []string, env map[string]string, err error)
	// Entrypoint is the serve command to put in place of the image's own, nil
	// where the image's own is right.
	Entrypoint(image string) []string
	// Health asks once whether the server says that it is up.
	Health(ctx context.Context, client *http.Client, url string) error
	// Prove checks that the server serves this model and answers one real
	// request. served is the task that it has answered: the asked one, or the only
	// one that the server has.
	Prove(ctx context.Context, client *http.Client, url, model, task string) (served string, err error)
	// Metrics reads once what the server counts of its own work.
	Metrics(ctx context.Context, client *http.Client, url string) (aim.Reading, error)
	// Classify finds the earliest root cause in a log. exit is nil while the
	// server runs. ok is false when the log shows none.
	Classify(log string, exit *aim.Exit) (failure *aim.Failure, ok bool)
	// Milestone reads progress from one log line, "" for most lines.
	Milestone(line string) string
}

// Sharer is a Backend whose servers can be held to a share of one GPU's memory.
type Sharer interface {
	// Share returns the rung with its options changed so that the server takes
	// at most share bytes of a GPU that has total bytes. The error is a Failure.
	Share(rung aim.Rung, share, total uint64) (aim.Rung, error)
}

// Hub brings weights to this node.
type Hub interface {
	// Fetch makes the model complete in the cache and returns its folder. It
	// resumes, verifies, and reports bytes.
	Fetch(ctx context.Context, model, revision string, report func(aim.Progress)) (path string, err error)
	// Cache is the folder that servers see as their Hugging Face home.
	Cache() string
	// Describe reads the model's config.json, and how many bytes of weights a
	// server would load (0 = not known), without fetching them.
	Describe(ctx context.Context, model, revision string) (config []byte, weightBytes uint64, err error)
	// Beside reads those of the named small files that are beside the model's
	// config.json.
	Beside(ctx context.Context, model, revision string, names []string) map[string][]byte
	// List tells the models that are complete here, and the bytes of each.
	List() (map[string]uint64, error)
	// CheckAccess tells whether Fetch may read the model, without fetching it.
	CheckAccess(ctx context.Context, model, revision string) error
	// FetchCompanion is Fetch for what a replica needs besides its model, as far as
	// its kind needs files. An adapter is checked against its base.
	FetchCompanion(ctx context.Context, c aim.Companion, report func(aim.Progress)) (path string, err error)
	// Companion finds one that was fetched, and the rank of an adapter.
	Companion(c aim.Companion) (path string, rank int, err error)
	// Readable tells whether a user may read the files of a model, with every
	// folder above. The error is a Failure that names path and mode.
	Readable(model, revision string, by aim.User) error
	// Remove deletes a model from the cache; no such model is no error.
	Remove(ctx context.Context, model string) error
}

// Ledger is the node's durable record of claims and of its own decisions. Every
// change is on disk (fsync) before the method returns.
type Ledger interface {
	Claims() []aim.Claim
	// Claim adds the claim, all GPUs or none. The same UID and token again
	// returns the first claim unchanged; a GPU or port that is taken is a
	// Failure of class refused.
	Claim(c aim.Claim) (aim.Claim, error)
	// Stopping marks a claim whose server is being stopped.
	Stopping(id aim.Identity) error
	// Release ends a claim. No such claim is no error.
	Release(id aim.Identity) error
	// State is the node's own settings: cordon, labels, quarantine.
	State() aim.NodeState
	// SetState replaces them.
	SetState(s aim.NodeState) error
}

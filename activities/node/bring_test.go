package node

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
	"github.com/aim-engine/aim/internal/hub"
	"github.com/aim-engine/aim/internal/settings"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

// withHub gives the box a hub to fetch from: org/open is for all, org/gated for
// who has a good token.
func withHub(t *testing.T) (*standin.Server, func(*box)) {
	t.Helper()
	server := standin.New(standin.Config{Tokens: []string{"good-token", "stranger-token"}, Lookup: func(id string) (standin.Model, bool) {
		return standin.Model{Gated: id == "org/gated", Readers: []string{"good-token"}}, id == "org/open" || id == "org/gated"
	}})
	url, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return server, func(b *box) {
		cache := t.TempDir()
		b.ports.Hub = func(token string) (Hub, error) {
			return hub.New(settings.Weights{Cache: cache, HubEndpoint: url}, token)
		}
	}
}

func (b *box) fetch(model string, secrets map[string]string) (activities.StepResult, error) {
	return call[activities.StepResult](b, activities.FetchModel, activities.FetchRequest{Identity: identity("a"), Model: model, Secrets: secrets})
}

func TestFetchModelMakesItPartOfTheInventory(t *testing.T) {
	t.Parallel()
	_, online := withHub(t)
	b := newBox(t, 1, online)
	if res, err := b.fetch("org/open", nil); err != nil || res.Bytes == 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	if !b.drain() || !slices.Equal(b.Inventory().Models, []string{"org/open"}) {
		t.Errorf("models %v", b.Inventory().Models)
	}
}

func TestFetchModelUsesTheRightToken(t *testing.T) {
	t.Setenv("AIM_TEST_TOKEN", "good-token")
	t.Setenv("AIM_TEST_ALLOWED", "good-token")
	t.Setenv("AIM_TEST_ALLOWED_BAD", "bad-token")
	b := newBox(t, 1, func(b *box) { b.opts.Secrets = []string{"env:AIM_TEST_ALLOWED*"} })
	for _, c := range []struct {
		what    string
		node    string            // reference of the node's own token
		secrets map[string]string // of the deployment
		class   aim.FailureClass  // "" = it is fetched
	}{
		{"the node's own", "env:AIM_TEST_TOKEN", nil, ""},
		{"the deployment's", "", map[string]string{"HF_TOKEN": "env:AIM_TEST_ALLOWED"}, ""},
		{"the node's, named by the deployment", "env:AIM_TEST_TOKEN", map[string]string{"HF_TOKEN": "env:AIM_TEST_TOKEN"}, ""},
		{"the deployment's before the node's", "env:AIM_TEST_TOKEN", map[string]string{"HF_TOKEN": "env:AIM_TEST_ALLOWED_BAD"}, aim.ClassAuth},
		{"one that is not allowed", "", map[string]string{"HF_TOKEN": "env:AIM_TEST_TOKEN"}, aim.ClassInput},
		{"none", "env:AIM_TEST_UNSET", nil, aim.ClassAuth},
	} {
		t.Run(c.what, func(t *testing.T) {
			_, online := withHub(t)
			online(b)
			b.Node.ports.Hub, b.Node.opts.HubToken = b.ports.Hub, c.node
			_, err := b.fetch("org/gated", c.secrets)
			if c.class == "" && err != nil {
				t.Error(err)
			}
			if c.class != "" {
				activitytest.Failure(t, err, c.class)
			}
		})
	}
}

func TestFetchModelFailsWithAClass(t *testing.T) {
	t.Parallel()
	_, online := withHub(t)
	b := newBox(t, 1, online)
	_, err := b.fetch("org/unknown", nil)
	activitytest.Failure(t, err, aim.ClassMissing, "org/unknown")
}

func TestStopEndsAFetch(t *testing.T) {
	t.Parallel()
	server, online := withHub(t)
	server.Inject(standin.Fault{Path: ".safetensors", Rate: 1})
	b := newBox(t, 1, online)
	r := begin(b, activities.FetchModel, activities.FetchRequest{Identity: identity("a"), Model: "org/open"})
	b.eventually("it is at work", func() bool { return b.attempt(identity("a")).silentFor(time.Now()) == 0 })
	if _, err := b.stop(identity("a")); err != nil {
		t.Fatal(err)
	}
	activitytest.Failure(t, r.wait(t), aim.ClassCancelled, "stopped on node n1")
}

// pulling is a runtime without the image; the process runtime has every image.
type pulling struct {
	Runtime
	err    error
	finish <-chan struct{} // what it waits for, if anything
}

func (pulling) HasImage(context.Context, string) (bool, error) { return false, nil }

func (p pulling) Pull(ctx context.Context, _ string, report func(aim.Progress)) error {
	report(aim.Progress{Step: "pull", Done: 7, Total: 9})
	if p.finish == nil {
		return p.err
	}
	select {
	case <-p.finish:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestPullImage(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, func(b *box) { b.opts.Registries = []string{"docker.io/rocm"} })
	pull := func(image string) (activities.StepResult, error) {
		return call[activities.StepResult](b, activities.PullImage, activities.PullRequest{Identity: identity("a"), Image: image})
	}
	if res, err := pull("docker.io/rocm/vllm:1"); err != nil || res.Note != "present" {
		t.Errorf("an image that is here: %+v, %v", res, err)
	}
	_, err := pull("evil.io/rocm/vllm:1")
	activitytest.Failure(t, err, aim.ClassInput, "image evil.io/rocm/vllm:1 is not allowed here")

	real := b.ports.Runtimes[0]
	b.Node.ports.Runtimes = []Runtime{pulling{Runtime: real}}
	if res, err := pull("docker.io/rocm/vllm:1"); err != nil || res.Bytes != 7 {
		t.Errorf("an image that is not: %+v, %v", res, err)
	}
	b.Node.ports.Runtimes = []Runtime{pulling{Runtime: real, err: aim.Failf(aim.ClassAuth, "the registry refuses")}}
	_, err = pull("docker.io/rocm/vllm:1")
	activitytest.Failure(t, err, aim.ClassAuth, "the registry refuses")
}

// deaf is a runtime that does not work.
type deaf struct{ Runtime }

func (deaf) Check(context.Context) error { return aim.Failf(aim.ClassRuntime, "it is deaf") }

func TestTheFirstRuntimeThatWorksStartsServers(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	real := b.ports.Runtimes[0]
	b.Node.ports.Runtimes = []Runtime{deaf{real}}
	b.mustClaim(identity("a"), b.gpu(0))
	_, err := b.start(identity("a"), rung(1, ""))
	activitytest.Failure(t, err, aim.ClassRuntime, "it is deaf")

	b.Node.ports.Runtimes = []Runtime{deaf{real}, real}
	if _, err := b.start(identity("a"), rung(1, "")); err != nil {
		t.Error(err)
	}
	b.Node.ports.Runtimes = nil
	b.mustClaim(identity("a"), b.gpu(0))
	_, err = b.start(identity("a"), rung(1, ""))
	activitytest.Failure(t, err, aim.ClassRuntime, "node n1 has no runtime")
}

// Long steps tell how far they are.
func TestLongStepsHeartbeatTheirProgress(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	heard := make(chan struct{})
	b.Node.ports.Runtimes = []Runtime{pulling{Runtime: b.ports.Runtimes[0], finish: heard}}
	env := activitytest.Env(func(e activitytest.Registry) { b.Register(e) })
	var once sync.Once
	var first aim.Progress
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		once.Do(func() {
			if err := details.Get(&first); err != nil {
				t.Error(err)
			}
			close(heard)
		})
	})
	if _, err := activitytest.Execute[activities.StepResult](env, activities.PullImage, activities.PullRequest{Identity: identity("a"), Image: "x"}); err != nil {
		t.Fatal(err)
	}
	if first != (aim.Progress{Step: "pull", Done: 7, Total: 9}) {
		t.Errorf("the first heartbeat tells %+v", first)
	}
}

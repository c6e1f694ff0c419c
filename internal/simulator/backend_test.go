package simulator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/vllm"
	"github.com/aim-engine/aim/internal/simulator/script"
)

// faultClasses is what the engine must make of each fault.
var faultClasses = map[script.Name]aim.FailureClass{
	script.Option: aim.ClassOption, script.Port: aim.ClassPort, script.Auth: aim.ClassAuth,
	script.Missing: aim.ClassMissing, script.Arch: aim.ClassArch, script.Quant: aim.ClassQuant,
	script.Length: aim.ClassLength, script.RemoteCode: aim.ClassRemoteCode, script.Parser: aim.ClassParser,
	script.TPHeads: aim.ClassTPHeads, script.TPBlock: aim.ClassTPBlock, script.GPUBusy: aim.ClassGPUBusy,
	script.Attn: aim.ClassAttention, script.OOM: aim.ClassOOM, script.KVNone: aim.ClassKVNone,
	script.KVShort: aim.ClassKVShort, script.GPUFault: aim.ClassGPUFault, script.Disk: aim.ClassDisk,
}

func TestBackendUnderstandsEveryFault(t *testing.T) {
	for name := range faultTexts {
		for _, gpus := range []string{"1", "4"} {
			s := serve(t, map[string]string{"AIM_SIMULATE": string(name)}, local("org/model", "-tp", gpus)...)
			exit := aim.Exit{Code: s.wait(t)}
			failure, ok := vllm.New().Classify(s.out.String(), &exit)
			if !ok || failure.Class != faultClasses[name] {
				t.Errorf("%s on %s GPUs: classified as %v, want %s", name, gpus, failure, faultClasses[name])
			}
			if name == script.KVShort && failure.LongestLength != 16384 {
				t.Errorf("the length that fits is %d, want 16384", failure.LongestLength)
			}
		}
	}
}

func TestBackendProvesTheServer(t *testing.T) {
	backend, client := vllm.New(), http.DefaultClient
	right := serve(t, nil, local("org/model")...).ready(t)
	if _, err := backend.Prove(t.Context(), client, right, "org/model", ""); err != nil {
		t.Errorf("a good server: %v", err)
	}
	if _, err := backend.Prove(t.Context(), client, right, "org/model", "embed"); err != nil {
		t.Errorf("a good server of embeddings: %v", err)
	}
	wrong := serve(t, map[string]string{"AIM_SIMULATE": "wrong"}, local("org/model")...).ready(t)
	if _, err := backend.Prove(t.Context(), client, wrong, "org/model", ""); aim.FailureOf(err) == nil || aim.FailureOf(err).Class != aim.ClassWrongName {
		t.Errorf("a server of another model: %v", err)
	}
}

func TestBackendFollowsTheStart(t *testing.T) {
	s := serve(t, nil, local("org/model")...)
	s.ready(t)
	seen := 0
	for line := range strings.Lines(s.out.String()) {
		if vllm.New().Milestone(line) != "" {
			seen++
		}
	}
	if seen < 6 {
		t.Errorf("it sees %d milestones, want 6 and more", seen)
	}
	if got := vllm.New().Measured(s.out.String())["kv_tokens"]; got != 577_856 {
		t.Errorf("it reads a KV cache of %g tokens, want 577,856", got)
	}
}

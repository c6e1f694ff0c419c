package simulator_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/internal/backend/sglang"
	"github.com/aim-engine/aim/internal/backend/tgi"
	"github.com/aim-engine/aim/internal/simulator/script"
)

// others are the backends besides vLLM, each with what its stand-in must be
// told, and the faults that it has in words of its own.
var others = map[string]struct {
	backend node.Backend
	up      string
	where   *regexp.Regexp
	faults  []script.Name
}{
	"sglang": {sglang.New(), "ready to roll", regexp.MustCompile(`running on (http://\S+)`), []script.Name{
		script.Option, script.Port, script.Auth, script.Missing, script.RemoteCode, script.Disk, script.OOM, script.GPUFault, script.TPBlock,
		script.KVNone, script.Length, script.GPUBusy, script.Attn, script.Quant, script.Arch, script.TPHeads, script.Parser,
	}},
	"tgi": {tgi.New(), "Connected", regexp.MustCompile(`Serving on (\S+)`), []script.Name{
		script.Option, script.Port, script.Auth, script.Missing, script.RemoteCode, script.Disk, script.OOM, script.GPUFault,
		script.KVNone, script.KVShort, script.Attn, script.Arch, script.TPHeads,
	}},
}

func argsOf(t *testing.T, b node.Backend, options ...aim.Option) []string {
	t.Helper()
	args, _, err := b.Args(aim.Rung{Number: 1, Model: "org/model", ServedName: "org/model", GPUs: 1, Nodes: 1, Options: options}, "127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	return args
}

// The command line that a backend writes is one that its server takes, and a
// server started with it is proved, and seen to make progress.
func TestOtherBackendsStartTheirServers(t *testing.T) {
	for name, o := range others {
		s := serveAs(t, name, nil, argsOf(t, o.backend)...)
		eventually(t, name+" is ready", func() bool { return strings.Contains(s.out.String(), o.up) })
		url := o.where.FindStringSubmatch(s.out.String())[1]
		if !strings.HasPrefix(url, "http://") {
			url = "http://" + url
		}
		served := "org/model"
		if name == "tgi" {
			served = "any name" // there is none of its own
		}
		if _, err := o.backend.Prove(t.Context(), http.DefaultClient, url, served, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if f, ok := o.backend.Classify(s.out.String(), nil); ok {
			t.Errorf("%s: a good start is classified as %v", name, f)
		}
		seen := map[string]bool{}
		for line := range strings.Lines(s.out.String()) {
			seen[o.backend.Milestone(line)] = true
		}
		if len(seen) < 4 || !seen["up"] {
			t.Errorf("%s: milestones %v", name, seen)
		}
	}
}

func TestOtherBackendsUnderstandTheirFaults(t *testing.T) {
	for name, o := range others {
		for _, fault := range o.faults {
			s := serveAs(t, name, map[string]string{"AIM_SIMULATE": string(fault)}, argsOf(t, o.backend)...)
			exit := aim.Exit{Code: s.wait(t)}
			failure, ok := o.backend.Classify(s.out.String(), &exit)
			if !ok || failure.Class != faultClasses[fault] {
				t.Errorf("%s %s: classified as %v, want %s", name, fault, failure, faultClasses[fault])
			}
		}
	}
}

// What the real server would refuse the stand-in refuses too, with exit code 2.
func TestOtherBackendsRefuseForeignOptions(t *testing.T) {
	for name, o := range others {
		for _, foreign := range [][]string{{"--max-model-len", "4096"}, {"--dtype", "float8"}, {"stray"}} {
			s := serveAs(t, name, nil, append(argsOf(t, o.backend), foreign...)...)
			if code := s.wait(t); code != 2 {
				t.Errorf("%s %v: exit %d, want 2; said:\n%s", name, foreign, code, s.out.String())
			}
			if f, ok := o.backend.Classify(s.out.String(), &aim.Exit{Code: 2}); !ok || f.Class != aim.ClassOption {
				t.Errorf("%s %v: classified as %v", name, foreign, f)
			}
		}
	}
}

// A fault that a backend does not have is a mistake of the script.
func TestAFaultOfAnotherBackendIsRefused(t *testing.T) {
	s := serveAs(t, "tgi", map[string]string{"AIM_SIMULATE": "parser"}, argsOf(t, tgi.New())...)
	if code := s.wait(t); code != 2 || !strings.Contains(s.out.String(), "parser is no fault of TGI") {
		t.Errorf("exit %d; said:\n%s", code, s.out.String())
	}
	s = serveAs(t, "llama", nil)
	if code := s.wait(t); code != 2 {
		t.Errorf("an unknown backend: exit %d", code)
	}
}

package script_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/simulator/script"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]script.Script{
		"":      {},
		" ; ; ": {},
		"oom":   {Faults: []script.Fault{{Name: script.OOM}}},
		"crash=5s; hang": {Faults: []script.Fault{
			{Name: script.Crash, After: 5 * time.Second}, {Name: script.Hang},
		}},
		"oom @ max-num-batched-tokens >= 8192 @ first=2": {Faults: []script.Fault{{
			Name: script.OOM,
			When: []script.Condition{
				{Name: "max-num-batched-tokens", Op: ">=", Text: "8192"}, {Name: "first", Op: "=", Text: "2"},
			},
		}}},
		"attn@VLLM_ROCM_USE_AITER!=0": {Faults: []script.Fault{{
			Name: script.Attn, When: []script.Condition{{Name: "VLLM_ROCM_USE_AITER", Op: "!=", Text: "0"}},
		}}},
		"load=1s;ready=2s;ttft=3ms;tpot=4ms;stop=5s": {Timing: script.Timing{
			Load: time.Second, Ready: 2 * time.Second, TTFT: 3 * time.Millisecond, TPOT: 4 * time.Millisecond, Stop: 5 * time.Second,
		}},
	} {
		if got, err := script.Parse(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseNamesTheClauseThatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"oom; boom":             `clause "boom": "boom" is none of`,
		"oom=5s":                "oom takes no time",
		"crash=soon":            `"soon" is no time`,
		"crash=-1s":             `"-1s" is no time`,
		"ready":                 `"" is no time`,
		"ready=2s@first=1":      "a timing has no conditions",
		"oom@":                  `condition ""`,
		"oom@first":             `condition "first"`,
		"oom@first>1":           "the form is first=N",
		"oom@first=some":        "the form is first=N",
		"oom@>1":                `condition ">1"`,
		"oom@dtype=":            "compares with nothing",
		"oom@max-model-len>big": `"big" is no number`,
		"oom@max-model-len!8":   "compares with nothing",
	} {
		_, err := script.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): %v, want %q", text, err, want)
		}
	}
}

func TestConditionsLookAtTheFacts(t *testing.T) {
	facts := script.Facts{
		Option: func(name string) string {
			return map[string]string{"max-model-len": "16k", "quantization": "fp8", "tensor-parallel-size": "1"}[name]
		},
		Env:   func(name string) string { return map[string]string{"VLLM_ROCM_USE_AITER": "1"}[name] },
		Start: 3,
	}
	for condition, want := range map[string]bool{
		"max-model-len>8192":     true,
		"max-model-len>16000":    false,
		"max-model-len>=16000":   true,
		"max-model-len<16000":    false,
		"max-model-len<=16000":   true,
		"max-model-len=16000":    true,
		"max-model-len!=16000":   false,
		"max-model-len<16K":      true, // 16384
		"quantization=fp8":       true,
		"quantization!=fp8":      false,
		"quantization>1":         false, // no number
		"dtype=auto":             false, // no such fact
		"dtype!=auto":            true,
		"VLLM_ROCM_USE_AITER=1":  true,
		"VLLM_ROCM_USE_AITER=0":  false,
		"tensor-parallel-size=1": true,
		"first=3":                true,
		"first=2":                false,
	} {
		s, err := script.Parse("oom@" + condition)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := s.Active(facts)[script.OOM]; got != want {
			t.Errorf("%s: %t, want %t", condition, got, want)
		}
	}
}

func TestActiveNeedsAllConditionsAndTakesTheFirstClause(t *testing.T) {
	facts := script.Facts{
		Option: func(string) string { return "5" },
		Env:    func(string) string { return "" },
		Start:  1,
	}
	s, err := script.Parse("crash=1s@a=4; crash=2s@a=5@b=5; crash=3s; oom@a=5@b=4")
	if err != nil {
		t.Fatal(err)
	}
	active := s.Active(facts)
	if len(active) != 1 || active[script.Crash].After != 2*time.Second {
		t.Errorf("active: %+v", active)
	}
	if s.Counts() {
		t.Error("it does not ask for the number of starts")
	}
	if s, _ = script.Parse("oom@first=1"); !s.Counts() {
		t.Error("it asks for the number of starts")
	}
}

func TestNamesAreUnique(t *testing.T) {
	names := script.Names()
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("a name is there twice: %v", names)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("oom@max-model-len>8192@first=2; crash=5s; ready=2s")
	f.Add("a@b@c=;=;@")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := script.Parse(text)
		if err != nil {
			return
		}
		facts := script.Facts{Option: func(name string) string { return name }, Env: func(string) string { return "" }}
		if got := len(s.Active(facts)); got > len(s.Faults) {
			t.Errorf("%d of %d faults are active", got, len(s.Faults))
		}
	})
}

// docs/simulate.md tells every fault and timing.
func TestThePageTellsEveryClause(t *testing.T) {
	page, err := os.ReadFile("../../../docs/simulate.md")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"load=", "ready=", "ttft=", "tpot=", "stop="}
	for _, n := range script.Names() {
		names = append(names, string(n))
	}
	for _, n := range names {
		if !strings.Contains(string(page), "`"+n) {
			t.Errorf("%s is not told", n)
		}
	}
}

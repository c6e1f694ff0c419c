package options_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

func table(t testing.TB, version string) *options.Table {
	t.Helper()
	tab, err := options.For("vllm", version)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestForKnowsWhatAVersionHas(t *testing.T) {
	for _, c := range []struct {
		version, option string
		has             bool
	}{
		{"0.10.0", "max-seq-len-to-capture", true},
		{"0.11.0", "max-seq-len-to-capture", false},
		{"0.16.0", "swap-space", true},
		{"0.22.1", "swap-space", false},
		{"v0.9.2", "attention-backend", false},
		{"0.22.1", "attention-backend", true},
		{"0.22.1", "device-ids", false}, // came in July 2026
		{"0.26.0", "device-ids", true},
		{"", "device-ids", true},
		{"0.16.0rc2+rocm700", "swap-space", true},
		{"0.17.0", "performance-mode", false}, // first seen after v0.16.0: not proven for 0.17
		{"0.19.1", "performance-mode", true},
	} {
		if _, has := table(t, c.version).Spec(c.option); has != c.has {
			t.Errorf("version %q has %s: %t, want %t", c.version, c.option, has, c.has)
		}
	}
}

func TestForRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, c := range []struct{ backend, version, want string }{
		{"llamacpp", "", "no option table"},
		{"sglang", "0.4.9", "older than the oldest"},
		{"vllm", "0.8.5", "older than the oldest"},
		{"vllm", "latest", "not of the form"},
		{"vllm", "99999999999999999999.1", "not of the form"},
	} {
		if _, err := options.For(c.backend, c.version); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("For(%q, %q) = %v, want %q", c.backend, c.version, err, c.want)
		}
	}
}

func TestParseFollowsTheServersRules(t *testing.T) {
	for _, c := range []struct {
		args string
		want []aim.Option
	}{
		{"--max_model_len 32k", []aim.Option{{Name: "max-model-len", Value: "32000"}}},
		{"--max-model-len=32K", []aim.Option{{Name: "max-model-len", Value: "32768"}}},
		{"--max-model-len auto", []aim.Option{{Name: "max-model-len", Value: "auto"}}},
		{"--max-model-len -1", []aim.Option{{Name: "max-model-len", Value: "auto"}}},
		{"--max-num-batched-tokens 1.5k", []aim.Option{{Name: "max-num-batched-tokens", Value: "1500"}}},
		{"--max-num-batched-token 4096", []aim.Option{{Name: "max-num-batched-tokens", Value: "4096"}}},
		{"--no-enable-prefix-caching", []aim.Option{{Name: "no-enable-prefix-caching", Bare: true}}},
		{"--enable-prefix-caching --no-enable-prefix-caching", []aim.Option{{Name: "no-enable-prefix-caching", Bare: true}}},
		{"--seed 1 --seed 2", []aim.Option{{Name: "seed", Value: "2"}}},
		{"-tp 8 -q fp8", []aim.Option{{Name: "tensor-parallel-size", Value: "8"}, {Name: "quantization", Value: "fp8"}}},
		{"-O3", []aim.Option{{Name: "optimization-level", Value: "3"}}},
		{"-cc.pass_config.fuse_rope_kvcache=True", []aim.Option{{Name: "compilation-config.pass_config.fuse_rope_kvcache", Value: "True"}}},
		{"--middleware a.b --middleware c.d", []aim.Option{{Name: "middleware", Value: "a.b"}, {Name: "middleware", Value: "c.d"}}},
		{"--served-model-name a b --enforce-eager", []aim.Option{{Name: "served-model-name", Value: "a b"}, {Name: "enforce-eager", Bare: true}}},
		{`--limit-mm-per-prompt {"image":2}`, []aim.Option{{Name: "limit-mm-per-prompt", Value: `{"image":2}`}}},
		{"--reasoning-parser None", []aim.Option{{Name: "reasoning-parser", Value: "None"}}},
	} {
		got, err := table(t, "0.22.1").Parse(strings.Fields(c.args))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("Parse(%s) = %v, %v; want %v", c.args, got, err, c.want)
		}
	}
}

func TestParseRefusesWhatTheServerRefuses(t *testing.T) {
	for _, c := range []struct {
		version, args string
		kind          options.Kind
		mentions      string // of the text for people
		argparse      string // of the server's own message
	}{
		{"0.22.1", "--max-modle-len 5", options.Unknown, "did you mean --max-model-len", "unrecognized arguments: --max-modle-len"},
		{"0.22.1", "--max-seq-len-to-capture 8192", options.Removed, "last in v0.10.0; use --max-cudagraph-capture-size", "unrecognized arguments"},
		{"0.22.1", "--swap-space 4", options.Removed, "leave it out, V1 has no CPU swap", "unrecognized arguments"},
		{"0.12.0", "--no-enable-flash-late-interaction", options.TooNew, "came with the source of 2026-04-15", "unrecognized arguments"},
		{"0.22.1", "--dtype float8_e4m3fn", options.Choice, "not one of auto", "invalid choice: 'float8_e4m3fn' (choose from 'auto'"},
		{"0.22.1", "--dtype bfloat61", options.Choice, "did you mean bfloat16", "argument --dtype"},
		{"0.22.1", "--max-num-seqs many", options.BadType, "not a whole number", "invalid int value: 'many'"},
		{"0.22.1", "--max-num-seqs 1k", options.BadType, "not a whole number", "invalid int value"},
		{"0.22.1", "--max-model-len 1.5K", options.BadType, "not a whole number", "invalid int value"},
		{"0.22.1", "--gpu-memory-utilization nan", options.BadType, "not a number", "invalid float value"},
		{"0.22.1", "--gpu-memory-utilization 1.5", options.BadRange, "at most 1", "argument --gpu-memory-utilization"},
		{"0.22.1", "--max-num-seqs 0", options.BadRange, "at least 1", "argument --max-num-seqs"},
		{"0.22.1", "--limit-mm-per-prompt {image}", options.BadType, "not JSON", "cannot be converted"},
		{"0.22.1", "--enforce-eager=true", options.Flag, "takes no value", "ignored explicit argument 'true'"},
		{"0.22.1", "--trust-remote-code true", options.Stray, "follows the flag --trust-remote-code", "unrecognized arguments: true"},
		{"0.22.1", "--dtype", options.NoValue, "needs a value", "expected one argument"},
		{"0.22.1", "--dtype --seed 1", options.NoValue, "needs a value", "expected one argument"},
		{"0.22.1", "--served-model-name", options.NoValue, "needs a value", "expected one argument"},
		{"0.22.1", "--seed.x 1", options.BadType, "holds no JSON", "invalid value"},
		{"0.22.1", "--max-num 1", options.Unknown, "no such option", "unrecognized"}, // ambiguous prefix
		{"0.22.1", "--enable-auto-tool-choice", options.Requires, "needs --tool-call-parser", ""},
		{"0.22.1", "-cc.mode=3 --compilation-config {}", options.Requires, "only one of them", ""},
	} {
		_, err := table(t, c.version).Parse(strings.Fields(c.args))
		var problems options.Problems
		if !errors.As(err, &problems) || len(problems) != 1 {
			t.Errorf("Parse(%s) = %v, want one problem", c.args, err)
			continue
		}
		p := problems[0]
		if p.Kind != c.kind || !strings.Contains(p.String(), c.mentions) || !strings.Contains(p.Argparse(), c.argparse) {
			t.Errorf("Parse(%s) = %q %q (%s), want %s with %q and %q", c.args, p, p.Argparse(), p.Kind, c.kind, c.mentions, c.argparse)
		}
	}
}

func TestReservedOptionsAreRefusedFromUsersWithTheReason(t *testing.T) {
	tab := table(t, "0.22.1")
	for _, name := range []string{
		"host", "port", "api-key", "served-model-name", "tensor-parallel-size", "pipeline-parallel-size", "nnodes",
		"allowed-local-media-path", "middleware", "trust-remote-code", "data-parallel-size", "revision",
	} {
		if _, ok := tab.Spec(name); !ok {
			t.Errorf("%s is reserved but is no option", name)
		}
		spec, _ := tab.Spec(name)
		o := aim.Option{Name: name, Value: "1", Bare: spec.Type == "bool"}
		problems := tab.CheckUser([]aim.Option{o})
		if len(problems) != 1 || problems[0].Kind != options.Reserved || problems[0].Why == "" {
			t.Errorf("CheckUser(%s) = %v, want one reserved problem with a reason", name, problems)
		}
		if problems := tab.Check([]aim.Option{o}); len(problems) != 0 {
			t.Errorf("Check(%s) = %v, want none: the engine itself sets it", name, problems)
		}
	}
	remote := []aim.Option{{Name: "trust-remote-code", Bare: true}}
	if problems := tab.CheckUser(remote, "trust-remote-code"); len(problems) != 0 {
		t.Errorf("allowed trust-remote-code is still refused: %v", problems)
	}
}

func TestCheckEnv(t *testing.T) {
	for _, c := range []struct {
		version, name string
		kind          options.Kind // "" = accepted
		mentions      string
	}{
		{"0.22.1", "VLLM_ROCM_USE_AITER", "", ""},
		{"0.22.1", "NCCL_MIN_NCHANNELS", "", ""},
		{"0.22.1", "VLLM_USE_V1", options.Removed, "last in v0.11.0"},
		{"0.22.1", "VLLM_ROCM_USE_ATIER", options.Unknown, "did you mean VLLM_ROCM_USE_AITER"},
		{"0.10.0", "VLLM_BATCH_INVARIANT", options.TooNew, "came with"},
		{"0.22.1", "HIP_VISIBLE_DEVICES", options.Reserved, "GPUs of its claim"},
		{"0.22.1", "HF_TOKEN", options.Reserved, "by reference"},
		{"0.99.0", "VLLM_NAME_OF_THE_FUTURE", "", ""},
	} {
		problems := table(t, c.version).CheckEnv(map[string]string{c.name: "1"})
		switch {
		case c.kind == "" && len(problems) == 0:
		case c.kind != "" && len(problems) == 1 && problems[0].Kind == c.kind && strings.Contains(problems[0].String(), c.mentions):
		default:
			t.Errorf("%s: CheckEnv(%s) = %v, want %q with %q", c.version, c.name, problems, c.kind, c.mentions)
		}
	}
}

func TestFromValueReadsRecipeSettings(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		want  string // rendered; "" = needs no option
	}{
		{"max_model_len", 32768, "--max-model-len 32768"},
		{"max-num-batched-tokens", "8k", "--max-num-batched-tokens 8000"},
		{"gpu_memory_utilization", 0.9, "--gpu-memory-utilization 0.9"},
		{"enable_expert_parallel", true, "--enable-expert-parallel"},
		{"enable_prefix_caching", false, "--no-enable-prefix-caching"},
		{"no-enable-prefix-caching", true, "--no-enable-prefix-caching"},
		{"disable_log_stats", false, ""},
		{"enforce-eager", nil, "--enforce-eager"},
		{"limit_mm_per_prompt", map[string]any{"image": 2, "audio": 0}, `--limit-mm-per-prompt {"audio":0,"image":2}`},
		{"served_model_name", []any{"a", "b"}, "--served-model-name a b"},
		{"cudagraph_capture_sizes", []any{1, 2, 4}, "--cudagraph-capture-sizes 1 2 4"},
		{"compilation-config.pass_config.fuse_rope_kvcache", true, "--compilation-config.pass_config.fuse_rope_kvcache true"},
		{"max_logprobs", -1, "--max-logprobs -1"},
	} {
		tab := table(t, "0.22.1")
		o, ok, problem := tab.FromValue(c.name, c.value)
		got := ""
		if ok {
			got = strings.Join(tab.Render([]aim.Option{o}), " ")
		}
		if problem != nil || got != c.want {
			t.Errorf("FromValue(%s, %v) = %q, %v; want %q", c.name, c.value, got, problem, c.want)
		}
	}
}

func TestFromValueRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		kind  options.Kind
	}{
		{"enforce_eager", "true", options.Flag},
		{"max_model_len", true, options.BadType},
		{"max_model_len", nil, options.NoValue},
		{"max_modle_len", 5, options.Unknown},
		{"served_model_name", []any{"a b"}, options.BadType},
		{"dtype", "float8", options.Choice},
		{"limit_mm_per_prompt", map[any]any{1: 2}, options.BadType},
	} {
		if _, _, problem := table(t, "0.22.1").FromValue(c.name, c.value); problem == nil || problem.Kind != c.kind {
			t.Errorf("FromValue(%s, %v) = %v, want a problem of kind %s", c.name, c.value, problem, c.kind)
		}
	}
}

func TestMergeLaysOptionsOverEachOther(t *testing.T) {
	tab := table(t, "0.22.1")
	parse := func(s string) []aim.Option {
		opts, err := tab.Parse(strings.Fields(s))
		if err != nil {
			t.Fatal(err)
		}
		return opts
	}
	for _, c := range []struct{ base, over, want string }{
		{"--dtype auto --seed 1", "--seed 2", "--dtype auto --seed 2"},
		{"--enable-prefix-caching", "--no-enable-prefix-caching", "--no-enable-prefix-caching"},
		{"-cc.mode=3 -cc.backend=x", "--compilation-config {}", "--compilation-config {}"},
		{"-cc.mode=3", "-cc.mode=2", "--compilation-config.mode 2"},
		{"--middleware a", "--middleware b --middleware c", "--middleware b --middleware c"},
	} {
		got := strings.Join(tab.Render(tab.Merge(parse(c.base), parse(c.over))), " ")
		if got != c.want {
			t.Errorf("Merge(%s, %s) = %s, want %s", c.base, c.over, got, c.want)
		}
	}
	left := tab.Without(parse("-cc.mode=3 --seed 1 --no-enable-prefix-caching"), "compilation-config", "enable_prefix_caching", "enable-prefix-caching")
	if got := strings.Join(tab.Render(left), " "); got != "--seed 1" {
		t.Errorf("Without leaves %q, want --seed 1", got)
	}
}

func TestHumanInt(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-1": -1, "32768": 32768, "1k": 1000, "1K": 1024, "2.5m": 2500000, "1G": 1 << 30, "1t": 1e12} {
		if got, ok := options.HumanInt(text); !ok || got != want {
			t.Errorf("HumanInt(%q) = %d, %t, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "k", "1.5", "1.5K", "1kb", "1 k", "9999999999T", "+1", "0x10"} {
		if got, ok := options.HumanInt(text); ok {
			t.Errorf("HumanInt(%q) = %d, want a refusal", text, got)
		}
	}
}

// Whatever Parse accepts must come back unchanged from its own rendering, and
// must pass the checks that the backend makes before it starts a server.
func FuzzParseRender(f *testing.F) {
	for _, s := range []string{
		"--max-model-len 32k --dtype auto", "-tp 8\n-cc.mode=3", "--enforce-eager\ntrue", "--seed -1", "--served-model-name a b", "-O3", "--", "-", "--=", "--max-logprobs=-1",
	} {
		f.Add(s)
	}
	tab := table(f, "0.22.1")
	f.Fuzz(func(t *testing.T, line string) {
		opts, err := tab.Parse(strings.Fields(line))
		if err != nil {
			return
		}
		if problems := tab.Check(opts); len(problems) > 0 {
			t.Fatalf("Parse accepted what Check refuses: %v", problems)
		}
		again, err := tab.Parse(tab.Render(opts))
		if err != nil || !slices.Equal(opts, again) {
			t.Fatalf("%q renders as %q, which reads as %v (%v), not as %v", line, tab.Render(opts), again, err, opts)
		}
	})
}

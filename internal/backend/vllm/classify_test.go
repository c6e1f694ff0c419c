package vllm_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/vllm"
)

const gib = 1 << 30

func readLog(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestClassifyFindsTheRootCause(t *testing.T) {
	seen := map[string]bool{"ready": true, "wrapper_only": true}
	for _, c := range []struct {
		log    string
		class  aim.FailureClass
		why    string
		needed uint64
		free   uint64
		length int
	}{
		{"kv_none", aim.ClassKVNone, "No available memory for the cache blocks", 0, 0, 0},
		{"kv_short", aim.ClassKVShort, "one request of 131072 tokens needs 40.00 GiB of KV cache, and there are 25.00 GiB; 81920 tokens would fit", 40 * gib, 25 * gib, 81920},
		{"kv_short_newer", aim.ClassKVShort, "81920 tokens would fit", 40 * gib, 25 * gib, 81920},
		{"kv_short_older", aim.ClassKVShort, "the KV cache holds 63040 tokens", 0, 0, 63040},
		{"gpu_busy", aim.ClassGPUBusy, "12.31 of 191.98 GiB are free on the GPU, and the server was to use 172.78 GiB (0.9 of it)", gibs(172.78), gibs(12.31), 0},
		{"gpu_shared", aim.ClassGPUBusy, "Error in memory profiling", 0, 0, 0},
		{"oom_loading", aim.ClassOOM, "while loading the weights, asking for 594.00 MiB with 412.00 MiB free", 594 << 20, 412 << 20, 0},
		{"oom_profiling", aim.ClassOOM, "while profiling a full step", 594 << 20, 412 << 20, 0},
		{"oom_graphs", aim.ClassOOM, "while capturing graphs", 594 << 20, 412 << 20, 0},
		{"oom_serving", aim.ClassOOM, "while serving", 594 << 20, 412 << 20, 0},
		{"len_too_big", aim.ClassLength, "a context of 200000 tokens was asked for, and the model's longest is 40960", 0, 0, 40960},
		{"tp_heads", aim.ClassTPHeads, "(64) must be divisible by tensor parallel size (3)", 0, 0, 0},
		{"tp_block", aim.ClassTPBlock, "weight quantization block_n = 128", 0, 0, 0},
		{"world", aim.ClassInternal, "World size (8)", 0, 0, 0},
		{"quant_unknown", aim.ClassQuant, "Unknown quantization method: foo", 0, 0, 0},
		{"quant_mismatch", aim.ClassQuant, "does not match", 0, 0, 0},
		{"quant_hw", aim.ClassQuant, "not supported in rocm", 0, 0, 0},
		{"attn", aim.ClassAttention, "No valid attention backend found for rocm", 0, 0, 0},
		{"attn_selected", aim.ClassAttention, "ROCM_AITER_MLA is not valid", 0, 0, 0},
		{"arch", aim.ClassArch, "['FooForCausalLM'] are not supported", 0, 0, 0},
		{"arch_none", aim.ClassArch, "no vLLM implementation", 0, 0, 0},
		{"remote_code", aim.ClassRemoteCode, "custom code which must be executed", 0, 0, 0},
		{"auth", aim.ClassAuth, "GatedRepoError", 0, 0, 0},
		{"auth_plain", aim.ClassAuth, "401 Client Error", 0, 0, 0},
		{"missing", aim.ClassMissing, "RepositoryNotFoundError", 0, 0, 0},
		{"missing_revision", aim.ClassMissing, "RevisionNotFoundError", 0, 0, 0},
		{"disk", aim.ClassDisk, "No space left on device", 0, 0, 0},
		{"shm", aim.ClassHostOOM, "/dev/shm", 0, 0, 0},
		{"parser", aim.ClassParser, "invalid tool call parser", 0, 0, 0},
		{"parser_reasoning", aim.ClassParser, "invalid reasoning parser: qwen33", 0, 0, 0},
		{"option", aim.ClassOption, "unrecognized arguments: --max-seq-len-to-capture", 0, 0, 0},
		{"option_choice", aim.ClassOption, "invalid choice: 'float8_e4m3fn'", 0, 0, 0},
		{"port", aim.ClassPort, "Address already in use", 0, 0, 0},
		{"env_visible", aim.ClassInternal, "Inconsistent GPU visibility", 0, 0, 0},
		{"env_unknown", aim.ClassOption, "VLLM_ROCM_USE_ATIER", 0, 0, 0},
		{"gpu_fault", aim.ClassGPUFault, "Memory access fault by GPU node-2", 0, 0, 0},
		{"worker", aim.ClassHostOOM, "VllmWorker-3 died unexpectedly", 0, 0, 0},
		{"worker_then_fault", aim.ClassGPUFault, "illegal memory access", 0, 0, 0},
		{"weights", aim.ClassWeights, "SafetensorError", 0, 0, 0},
	} {
		seen[c.log] = true
		f, ok := vllm.New().Classify(readLog(t, c.log), &aim.Exit{Code: 1})
		if !ok || f.Class != c.class || !strings.Contains(f.Why, c.why) {
			t.Errorf("%s: %v %v, want %s with %q", c.log, ok, f, c.class, c.why)
			continue
		}
		if f.NeededBytes != c.needed || f.AvailableBytes != c.free || f.LongestLength != c.length {
			t.Errorf("%s: needs %d of %d bytes, %d tokens; want %d of %d, %d", c.log, f.NeededBytes, f.AvailableBytes, f.LongestLength, c.needed, c.free, c.length)
		}
		if len(f.LogLines) == 0 {
			t.Errorf("%s: no line of the log is kept", c.log)
		}
	}
	files, err := filepath.Glob("testdata/*.log")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".log"); !seen[name] {
			t.Errorf("%s is not classified by any case", file)
		}
	}
}

func gibs(n float64) uint64 { return uint64(n * gib) }

// Wrappers, warnings and the server's own list of settings are never a cause.
func TestClassifyFindsNothingWhereNothingIs(t *testing.T) {
	for _, name := range []string{"ready", "wrapper_only"} {
		if f, ok := vllm.New().Classify(readLog(t, name), nil); ok {
			t.Errorf("%s: %v", name, f)
		}
	}
}

// A cause stays the cause when more processes report, in whatever order the
// wrappers come, with timestamps, colours and carriage returns around it.
func TestClassifyOfADisturbedLog(t *testing.T) {
	log := readLog(t, "kv_short")
	for name, change := range map[string]func(string) string{
		"wrappers first": func(s string) string { return readLog(t, "wrapper_only") + s },
		"consequences after": func(s string) string {
			return s + readLog(t, "worker") + readLog(t, "port") + readLog(t, "oom_profiling")
		},
		"timestamps": func(s string) string {
			return "2026-11-21T10:00:00.123456789Z " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n2026-11-21T10:00:00.123456789Z ")
		},
		"colours":          func(s string) string { return strings.ReplaceAll(s, "(EngineCore", "\x1b[0;36m(EngineCore") },
		"carriage returns": func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"cut in front":     func(s string) string { return s[len(s)/3:] },
	} {
		f, ok := vllm.New().Classify(change(log), &aim.Exit{Code: 1})
		if !ok || f.Class != aim.ClassKVShort || f.LongestLength != 81920 {
			t.Errorf("%s: %v %+v", name, ok, f)
		}
	}
}

func TestClassifyByExit(t *testing.T) {
	for name, c := range map[string]struct {
		exit *aim.Exit
		want aim.FailureClass // "" = no cause
	}{
		"running":         {nil, ""},
		"status 0":        {&aim.Exit{Code: 0}, ""},
		"an exception":    {&aim.Exit{Code: 1}, ""},
		"bad options":     {&aim.Exit{Code: 2}, aim.ClassOption},
		"killed":          {&aim.Exit{Code: 137}, aim.ClassHostOOM},
		"memory limit":    {&aim.Exit{Code: 1, OOM: true}, aim.ClassHostOOM},
		"told to end":     {&aim.Exit{Code: 143}, aim.ClassExited},
		"status unknown":  {&aim.Exit{Code: -1}, ""},
		"another signal":  {&aim.Exit{Code: 139}, ""},
		"killed, OOM set": {&aim.Exit{Code: 137, OOM: true}, aim.ClassHostOOM},
	} {
		f, ok := vllm.New().Classify(readLog(t, "wrapper_only"), c.exit)
		if ok != (c.want != "") || ok && f.Class != c.want {
			t.Errorf("%s: %v %v, want %q", name, ok, f, c.want)
		}
	}
	f, ok := vllm.New().Classify(readLog(t, "kv_none"), &aim.Exit{Code: 137, OOM: true})
	if !ok || f.Class != aim.ClassKVNone {
		t.Errorf("the log speaks before the exit code: %v", f)
	}
}

// Whatever a log holds, a cause comes with a known class and with lines of a
// bounded size that can be stored and shown.
func FuzzClassify(f *testing.F) {
	for _, name := range []string{"kv_short", "kv_short_older", "gpu_busy", "oom_serving", "len_too_big", "ready", "missing"} {
		f.Add(readLog(f, name), 1)
	}
	f.Add("Tried to allocate 99999999999999999999.9 GiB HIP out of memory", 137)
	f.Add("(((pid=) ERROR [x:1] GatedRepoError\xff\xfe", 2)
	f.Fuzz(func(t *testing.T, log string, code int) {
		failure, ok := vllm.New().Classify(log, &aim.Exit{Code: code})
		if !ok {
			return
		}
		if !slices.Contains(aim.Classes(), failure.Class) || failure.Why == "" {
			t.Fatalf("%q gives class %q, %q", log, failure.Class, failure.Why)
		}
		if failure.LongestLength < 0 {
			t.Fatalf("%q gives a length of %d", log, failure.LongestLength)
		}
		for _, l := range append(failure.LogLines, failure.Why) {
			if len(l) > 1000 || strings.ContainsAny(l, "\n\r") || strings.ToValidUTF8(l, "") != l {
				t.Fatalf("%q keeps the line %q", log, l)
			}
		}
	})
}

// Where no cause is known, the reason is the earliest error that an engine or a
// worker reports of itself, not what the API server makes of it.
func TestClassifyTellsTheErrorThatNoClassKnows(t *testing.T) {
	const wrapper = "\n(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"
	for name, c := range map[string]struct{ log, want string }{
		"an engine's": {"(EngineCore_DP0 pid=41) ERROR 01-02 03:04:09 [core.py:1] AcmeKernelError: tile 7 has no plan" + wrapper,
			"AcmeKernelError: tile 7 has no plan"},
		"the earliest": {"(Worker_TP0 pid=4) ERROR 01-02 03:04:09 [w.py:1] acme.FirstError: a\n(EngineCore pid=3) ERROR 01-02 03:04:09 [c.py:1] SecondError: b" + wrapper,
			"acme.FirstError: a"},
		"behind the API server's": {"(APIServer pid=1) ValueError: engine is gone\n(EngineCore pid=3) ERROR 01-02 03:04:09 [c.py:1] AcmeError: b",
			"AcmeError: b"},
		"only the API server's": {"(APIServer pid=1) ValueError: --foo and --bar exclude each other", "ValueError: --foo and --bar exclude each other"},
		"a validator's": {"(APIServer pid=1) pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n(APIServer pid=1)   Value error, the moon is full",
			"Value error, the moon is full"},
		"without words": {"(EngineCore pid=3) ERROR 01-02 03:04:09 [c.py:1]     assert a.shape == b.shape\n(EngineCore pid=3) ERROR 01-02 03:04:09 [c.py:1] AssertionError" + wrapper,
			"AssertionError: assert a.shape == b.shape"},
		"before others saw it": {"(Worker_TP1 pid=4) ERROR 01-02 03:04:09 [w.py:1] AcmeError: b\n(EngineCore pid=3) ERROR 01-02 03:04:09 [m.py:1] Worker proc VllmWorker-1 died unexpectedly" + wrapper,
			"AcmeError: b"},
	} {
		f, ok := vllm.New().Classify(c.log, &aim.Exit{Code: 1})
		if !ok || f.Class != aim.ClassStart || f.Why != c.want || f.Fingerprint == "" {
			t.Errorf("%s: %v %+v, want %q", name, ok, f, c.want)
		}
	}
	// What the code says of itself goes before errors of requests in the log of a server that was up.
	served := "(APIServer pid=1) INFO:     Application startup complete.\n(APIServer pid=1) ERROR 01-02 03:04:09 [serving.py:1] ValueError: your prompt is too long\n"
	if f, ok := vllm.New().Classify(served, &aim.Exit{Code: 1}); ok {
		t.Errorf("an error of a request is the cause of an end: %v", f)
	}
	if f, ok := vllm.New().Classify(served+"(EngineCore pid=3) ERROR 01-02 03:04:09 [c.py:1] AcmeError: b", &aim.Exit{Code: 1}); !ok || f.Why != "AcmeError: b" {
		t.Errorf("the engine's error is not told: %v", f)
	}
}

package sglang_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/backendtest"
	"github.com/aim-engine/aim/internal/backend/sglang"
	"github.com/aim-engine/aim/recipes/options"
)

func rung(change func(*aim.Rung)) aim.Rung {
	r := aim.Rung{
		Number: 1, Recipe: "test", Model: "Qwen/Qwen3-32B", ServedName: "chat", Backend: "sglang", Version: "0.5.10",
		Image: "lmsysorg/sglang:v0.5.10-rocm720-mi30x", GPUType: "MI300X", GPUs: 1, Nodes: 1,
		Options: []aim.Option{{Name: "context-length", Value: "32768"}, {Name: "mem-fraction-static", Value: "0.9"}},
		Env:     map[string]string{"SGLANG_USE_AITER": "1"},
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestArgs(t *testing.T) {
	const always = "--model-path Qwen/Qwen3-32B --served-model-name chat --host 0.0.0.0 --port 8000 --enable-metrics"
	for name, c := range map[string]struct {
		change func(*aim.Rung)
		want   string
	}{
		"one GPU":                  {nil, always + " --context-length 32768 --mem-fraction-static 0.9"},
		"eight GPUs and a version": {func(r *aim.Rung) { r.GPUs, r.Revision, r.Options = 8, "abc", nil }, always + " --tp-size 8 --revision abc"},
		"embeddings":               {func(r *aim.Rung) { r.Task, r.Options = "embed", nil }, always + " --is-embedding"},
		"embeddings, as the recipe says": {func(r *aim.Rung) { r.Task, r.Options = "embed", []aim.Option{{Name: "is-embedding", Bare: true}} },
			always + " --is-embedding"},
	} {
		args, env, err := sglang.New().Args(rung(c.change), "0.0.0.0", 8000)
		if got := strings.Join(args, " "); err != nil || got != c.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, c.want)
			continue
		}
		if env["SGLANG_USE_AITER"] != "1" || env["HIP_FORCE_DEV_KERNARG"] != "1" {
			t.Errorf("%s: environment %v", name, env)
		}
		table, err := options.For("sglang", "0.5.10")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Parse(args); err != nil {
			t.Errorf("%s: the server would refuse %v: %v", name, args, err)
		}
	}
}

func TestArgsRefuse(t *testing.T) {
	option := backendtest.Option
	backendtest.Refuses(t, sglang.New(), rung, map[string]backendtest.Refusal{
		"vLLM's name":        backendtest.Refused(option("max-model-len", "1"), aim.ClassOption, "sglang calls it --context-length"),
		"an unknown option":  backendtest.Refused(option("contxt-length", "1"), aim.ClassOption, "did you mean --context-length"),
		"a bad choice":       backendtest.Refused(option("dtype", "float8"), aim.ClassOption, "not one of"),
		"another port":       backendtest.Refused(option("port", "1"), aim.ClassOption, "AIM Engine sets it itself"),
		"remote code":        backendtest.Refused(option("trust-remote-code", ""), aim.ClassRemoteCode, "node.remote_code"),
		"two nodes":          backendtest.Refused(func(r *aim.Rung) { r.Nodes = 2 }, aim.ClassOption, "spans 2 nodes"),
		"an unknown version": backendtest.Refused(func(r *aim.Rung) { r.Version = "0.1.0" }, aim.ClassOption, "older than"),
	})
}

func TestEntrypoint(t *testing.T) {
	launch := []string{"python3", "-m", "sglang.launch_server"}
	for image, want := range map[string][]string{
		"lmsysorg/sglang:v0.5.10-rocm720-mi30x":        launch,
		"registry.local:5000/lmsysorg/sglang@sha256:0": launch,
		"rocm/sgl-dev:latest":                          launch,
		"acme/sglang-with-entrypoint:1":                nil,
	} {
		if got := sglang.New().Entrypoint(image); !slices.Equal(got, want) {
			t.Errorf("Entrypoint(%s) = %v", image, got)
		}
	}
}

// Every cause is found between a start that has gone well so far and the
// reports of the other processes, and those are never taken for it.
func TestClassifyFindsTheRootCause(t *testing.T) {
	begun, wrappers := backendtest.Log(t, "ready"), backendtest.Log(t, "wrappers")
	backendtest.Classifies(t, sglang.New(), begun, wrappers, map[string]aim.FailureClass{
		"[2026-02-14 09:06:31 TP1] RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current value: mem_fraction_static=0.5": aim.ClassKVNone,
		"torch.OutOfMemoryError: HIP out of memory. Tried to allocate 594.00 MiB.":                                                                        aim.ClassOOM,
		"ValueError: The memory capacity is unbalanced. Some GPUs may be occupied by other processes.":                                                    aim.ClassGPUBusy,
		"ValueError: Warning: User-specified context_length (200000) is greater than the derived context_length (40960).":                                 aim.ClassLength,
		"ValueError: Weight output_partition_size = 192 is not divisible by weight quantization block_n = 128.":                                           aim.ClassTPBlock,
		"AssertionError: 28 is not divisible by 8":                                                                                                        aim.ClassTPHeads,
		"RuntimeError: HIP error: invalid device ordinal":                                                                                                 aim.ClassInternal,
		"ValueError: Unknown quantization method: foo.":                                                                                                   aim.ClassQuant,
		"ValueError: Invalid attention backend: aitr":                                                                                                     aim.ClassAttention,
		"ValueError: Model architectures ['FooForCausalLM'] are not supported for now.":                                                                   aim.ClassArch,
		"launch_server.py: error: argument --tool-call-parser: invalid choice: 'hermes'":                                                                  aim.ClassParser,
		"launch_server.py: error: unrecognized arguments: --max-model-len 4096":                                                                           aim.ClassOption,
		"huggingface_hub.errors.GatedRepoError: 401 Client Error.":                                                                                        aim.ClassAuth,
		"OSError: [Errno 98] Address already in use":                                                                                                      aim.ClassPort,
		"Memory access fault by GPU node-2 (Agent handle: 0x5581)":                                                                                        aim.ClassGPUFault,
		"OSError: [Errno 28] No space left on device":                                                                                                     aim.ClassDisk,
		"[2026-02-14 09:06:31] Subprocess died. Exit code: -9":                                                                                            aim.ClassHostOOM,
	})
}

// A server that has ended without a word is judged by its exit code.
func TestAnExitCodeIsACause(t *testing.T) {
	if f, ok := sglang.New().Classify("", &aim.Exit{Code: 2}); !ok || f.Class != aim.ClassOption {
		t.Errorf("exit code 2 is %v %v", ok, f)
	}
}

// People see a start go on, and the estimate is compared with what was measured.
func TestProgressOfAStart(t *testing.T) {
	var seen []string
	for line := range strings.Lines(backendtest.Log(t, "ready")) {
		if m := sglang.New().Milestone(line); m != "" && !slices.Contains(seen, m) {
			seen = append(seen, m)
		}
	}
	want := []string{"loading weights", "loading weights, 0 % (0 of 17 files)", "loading weights, 47 % (8 of 17 files)",
		"weights loaded, 30.78 GiB", "weights loaded, 30.72 GiB", "KV cache of 1145210 tokens", "capturing graphs", "capturing graphs, 50 %", "up"}
	if !slices.Equal(seen, want) {
		t.Errorf("milestones %q, want %q", seen, want)
	}
	m := sglang.New().Measured(backendtest.Log(t, "ready"))
	const gib = float64(1 << 30)
	weights, room := 30.78, 69.90
	if m["weights"] != weights*gib || m["kv_tokens"] != 1145210 || m["free_for_kv"] != (room+room)*gib {
		t.Errorf("measured %v", m)
	}
}

// A log is foreign: whatever it holds, it is read without a panic, and a number
// that cannot be is none.
func FuzzLog(f *testing.F) {
	f.Add("[2026-02-14 09:06:32 TP0] KV Cache is allocated. #tokens: 9, K size: 1.2.3 GB, V size: 69.90 GB")
	f.Add("\x1b[2m Load weight end. mem usage=99999999999999999999 GB\r\r\n")
	f.Fuzz(func(t *testing.T, log string) {
		b := sglang.New()
		b.Classify(log, nil)
		b.Milestone(log)
		for name, v := range b.Measured(log) {
			if v < 0 || v > 1e22 {
				t.Errorf("%s is %g", name, v)
			}
		}
	})
}

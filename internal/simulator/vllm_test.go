package simulator_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/vllm"
	"github.com/aim-engine/aim/internal/simulator"
	"github.com/aim-engine/aim/internal/simulator/openai"
	"github.com/aim-engine/aim/internal/simulator/script"
)

// standIn is a stand-in server that runs in the test's own process.
type standIn struct {
	stop   context.CancelFunc
	out    transcript // stdout and stderr
	code   chan int   // its exit code, once
	exited chan struct{}
}

// transcript is a buffer that may be read while it is written.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve starts a stand-in of vLLM; env has pairs of name and value.
func serve(t *testing.T, env map[string]string, args ...string) *standIn {
	t.Helper()
	return serveAs(t, "vllm", env, args...)
}

// serveAs starts a stand-in of a backend.
func serveAs(t *testing.T, backend string, env map[string]string, args ...string) *standIn {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &standIn{stop: cancel, code: make(chan int, 1), exited: make(chan struct{})}
	go func() {
		defer close(s.exited)
		s.code <- simulator.Serve(ctx, backend, args, func(name string) string { return env[name] }, &s.out, &s.out)
	}()
	t.Cleanup(func() {
		cancel()
		<-s.exited
		if t.Failed() {
			t.Logf("the server said:\n%s", s.out.String())
		}
	})
	return s
}

var listening = regexp.MustCompile(`Starting vLLM server on http://(\S+)`)

// ready waits until the server answers and returns its URL.
func (s *standIn) ready(t *testing.T) string {
	t.Helper()
	eventually(t, "the server is ready", func() bool {
		return strings.Contains(s.out.String(), "Application startup complete.")
	})
	return "http://" + listening.FindStringSubmatch(s.out.String())[1]
}

// wait waits for the exit code.
func (s *standIn) wait(t *testing.T) int {
	t.Helper()
	select {
	case code := <-s.code:
		return code
	case <-time.After(20 * time.Second):
		t.Fatal("the server does not end")
		return 0
	}
}

// onTree is the environment of a server on a tree.
func onTree(tree *simulator.Tree, visible string) map[string]string {
	return map[string]string{"AIM_SIM_ROOT": tree.Root(), "ROCR_VISIBLE_DEVICES": visible}
}

// local are the options of every test server.
func local(model string, more ...string) []string {
	return append([]string{model, "--host", "127.0.0.1", "--port", "0"}, more...)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Header.Get(openai.Header) != "true" {
		t.Errorf("%s does not say that it is simulated", url)
	}
	return r.StatusCode, string(body)
}

func TestVLLMServesWhatItWasAskedFor(t *testing.T) {
	s := serve(t, nil, local("Qwen/Qwen3-32B", "--served-model-name", "qwen", "big", "--max_model_len", "16k")...)
	url := s.ready(t)
	if code, _ := get(t, url+"/health"); code != http.StatusOK {
		t.Errorf("/health: %d", code)
	}
	_, body := get(t, url+"/v1/models")
	var models struct {
		Data []struct {
			ID          string `json:"id"`
			Root        string `json:"root"`
			MaxModelLen int    `json:"max_model_len"`
			Simulated   bool   `json:"simulated"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(body), &models); err != nil {
		t.Fatal(err)
	}
	if len(models.Data) != 2 || models.Data[0].ID != "qwen" || models.Data[1].ID != "big" ||
		models.Data[0].Root != "Qwen/Qwen3-32B" || models.Data[0].MaxModelLen != 16000 || !models.Data[0].Simulated {
		t.Errorf("/v1/models: %s", body)
	}
	s.stop()
	if code := s.wait(t); code != 0 {
		t.Errorf("ended with %d, want 0", code)
	}
}

func TestVLLMLogsItsStartInVLLMsOrder(t *testing.T) {
	s := serve(t, nil, local("Qwen/Qwen3-32B", "--max-model-len", "32768", "--api-key", "secret-key")...)
	s.ready(t)
	rest := s.out.String()
	if first, _, _ := strings.Cut(rest, "\n"); !strings.Contains(first, "SIMULATED") {
		t.Errorf("the first line is %q", first)
	}
	for _, line := range []string{
		"vLLM API server version 0.26.0",
		"Initializing a V1 LLM engine",
		"Loading safetensors checkpoint shards: 100% Completed | 5/5",
		"Model loading took 105.81 GiB memory and ",
		"Available KV cache memory: 70.54 GiB",
		"GPU KV cache size: 577,856 tokens",
		"Maximum concurrency for 32,768 tokens per request: 17.63x",
		"Starting vLLM server on http://127.0.0.1:",
		"Application startup complete.",
	} {
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Fatalf("%q is missing, or in the wrong place", line)
		}
		rest = after
	}
	if strings.Contains(s.out.String(), "secret-key") {
		t.Error("the key is in the log")
	}
}

func TestVLLMRefusesWhatVLLMsParserRefuses(t *testing.T) {
	for _, c := range []struct {
		version string
		args    []string
		code    int
		want    string
	}{
		{"", []string{"m", "--swap-space", "4"}, 2, "vllm: error: unrecognized arguments: --swap-space"},
		{"0.16.0", []string{"m", "--no-such-thing", "--enforce-eager", "true"}, 2, "unrecognized arguments: --no-such-thing true"},
		{"", []string{"m", "--dtype", "fp8"}, 2, "vllm serve: error: argument --dtype: invalid choice: 'fp8' (choose from 'auto', "},
		{"", []string{"m", "--tensor-parallel-size", "two"}, 2, "argument --tensor-parallel-size: invalid int value: 'two'"},
		{"", []string{"m", "--port"}, 2, "argument --port: expected one argument"},
		{"", []string{"m", "--enable-auto-tool-choice"}, 1, "TypeError: Error: --enable-auto-tool-choice"},
		{"0.8.0", []string{"m"}, 2, "AIM_SIM_VERSION: "},
	} {
		env := map[string]string{"AIM_SIM_VERSION": c.version}
		s := serve(t, env, c.args...)
		if code := s.wait(t); code != c.code || !strings.Contains(s.out.String(), c.want) {
			t.Errorf("%v: exit %d, want %d with %q; said:\n%s", c.args, code, c.code, c.want, s.out.String())
		}
	}
}

func TestVLLMIsTheVersionItIsToldToBe(t *testing.T) {
	s := serve(t, map[string]string{"AIM_SIM_VERSION": "0.16.0"}, local("m", "--swap-space", "4")...)
	if _, body := get(t, s.ready(t)+"/version"); !strings.Contains(body, `"0.16.0"`) {
		t.Errorf("/version: %s", body)
	}
}

// faultTexts is the fragment of each fault that ends the start.
var faultTexts = map[script.Name]string{
	script.Option:     "error: unrecognized arguments: --port",
	script.Port:       "[Errno 98] Address already in use",
	script.Auth:       "401 Client Error",
	script.Missing:    "RepositoryNotFoundError: 404",
	script.Arch:       "are not supported for now",
	script.Quant:      "quantization is currently not supported in",
	script.Length:     "User-specified max_model_len (32768) is greater than the derived",
	script.RemoteCode: "trust_remote_code=True",
	script.Parser:     "invalid tool call parser",
	script.TPHeads:    "must be divisible by tensor parallel size",
	script.TPBlock:    "is not divisible by weight quantization block",
	script.GPUBusy:    "Free memory on device cuda:0 (48.00/191.98 GiB) on startup is less than desired GPU memory utilization (0.92, 176.63 GiB)",
	script.Attn:       "No valid attention backend found",
	script.OOM:        "torch.OutOfMemoryError: HIP out of memory",
	script.KVNone:     "No available memory for the cache blocks",
	script.KVShort:    "To serve at least one request with the models's max seq len (32768), (4.00 GiB KV cache is needed, which is larger than the available KV cache memory (2.00 GiB). Based on the available memory, the estimated maximum model length is 16384",
	script.GPUFault:   "Memory access fault by GPU node-",
	script.Disk:       "[Errno 28] No space left on device",
}

// engineFaults arise behind the API server, which says so last.
var engineFaults = map[script.Name]bool{
	script.TPBlock: true, script.GPUBusy: true, script.Attn: true, script.OOM: true,
	script.KVNone: true, script.KVShort: true, script.GPUFault: true, script.Disk: true,
}

func TestEveryFaultEndsTheStartInVLLMsWords(t *testing.T) {
	const wrapper = "RuntimeError: Engine core initialization failed."
	for name, text := range faultTexts {
		t.Run(string(name), func(t *testing.T) {
			s := serve(t, map[string]string{"AIM_SIMULATE": string(name)}, local("org/model")...)
			want := 1
			if name == script.Option {
				want = 2
			}
			code, said := s.wait(t), s.out.String()
			if code != want || !strings.Contains(said, text) {
				t.Errorf("exit %d, want %d with %q", code, want, text)
			}
			cause, last := strings.Index(said, text), strings.LastIndex(said, wrapper)
			if engineFaults[name] != (last > cause) {
				t.Errorf("cause at %d, wrapper at %d", cause, last)
			}
			if strings.Contains(said, "Application startup complete.") {
				t.Error("it was ready before it failed")
			}
		})
	}
}

// quietFaults change a start without ending it; they have tests of their own.
var quietFaults = []script.Name{script.Hang, script.Wrong, script.Talk, script.NoGenerate, script.NoEmbed}

func TestEveryNameOfAFaultIsTested(t *testing.T) {
	for _, name := range script.Names() {
		late := script.Fault{Name: name}.Late()
		if _, tested := faultTexts[name]; !tested && !late && !slices.Contains(quietFaults, name) {
			t.Errorf("no test for %s", name)
		}
	}
}

func TestFaultOfAWorkerIsWrappedTwiceWithSeveralGPUs(t *testing.T) {
	s := serve(t, map[string]string{"AIM_SIMULATE": "oom"}, local("m", "-tp", "4")...)
	s.wait(t)
	said := s.out.String()
	at := -1
	for _, text := range []string{"(Worker_TP0 pid=", "HIP out of memory", "WorkerProc initialization failed", "Engine core initialization failed"} {
		next := strings.Index(said, text)
		if next <= at {
			t.Errorf("%q is at %d, after %d was expected", text, next, at)
		}
		at = next
	}
}

func TestFaultsDependOnOptionsEnvironmentAndStarts(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	for _, c := range []struct {
		script string
		env    string // VLLM_ROCM_USE_AITER
		args   []string
		fails  bool
	}{
		{"oom@max-num-batched-tokens>=8192", "", nil, true}, // by default
		{"oom@max-num-batched-tokens>=8192", "", []string{"--max-num-batched-tokens", "4k"}, false},
		{"kv_short@max-model-len>8192", "", []string{"--max-model-len", "8192"}, false},
		{"kv_short@max-model-len>8192@quantization=fp8", "", []string{"--quantization", "fp8"}, true},
		{"kv_short@max-model-len>8192@quantization=fp8", "", nil, false},
		{"attn@VLLM_ROCM_USE_AITER=1", "1", nil, true},
		{"attn@VLLM_ROCM_USE_AITER=1", "0", nil, false},
		{"oom@first=2", "", nil, true},
		{"oom@first=2", "", nil, true},
		{"oom@first=2", "", nil, false},
	} {
		env := onTree(tree, "0")
		env["AIM_SIMULATE"], env["VLLM_ROCM_USE_AITER"] = c.script, c.env
		s := serve(t, env, local("org/model", c.args...)...)
		if c.fails {
			if code := s.wait(t); code != 1 {
				t.Errorf("%s with %v: exit %d, want 1", c.script, c.args, code)
			}
			continue
		}
		s.ready(t)
		s.stop()
		if code := s.wait(t); code != 0 {
			t.Errorf("%s with %v: exit %d, want 0", c.script, c.args, code)
		}
	}
}

// The length that kv_short names must be one that then works.
func TestKVShortNamesALengthThatFits(t *testing.T) {
	env := map[string]string{"AIM_SIMULATE": "kv_short@max-model-len>8192"}
	s := serve(t, env, local("m", "--max-model-len", "100000")...)
	if code := s.wait(t); code != 1 || !strings.Contains(s.out.String(), "estimated maximum model length is 8192.") {
		t.Fatalf("exit %d", code)
	}
	serve(t, env, local("m", "--max-model-len", "8192")...).ready(t)
}

func TestBadSettingsAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ key, value, want string }{
		"script":  {"AIM_SIMULATE", "oops", `clause "oops"`},
		"first":   {"AIM_SIMULATE", "oom@first=1", "it needs AIM_SIM_ROOT"},
		"tree":    {"AIM_SIM_ROOT", "/nowhere", "/nowhere"},
		"weights": {"AIM_SIM_WEIGHTS_BYTES", "many", "AIM_SIM_WEIGHTS_BYTES"},
	} {
		s := serve(t, map[string]string{c.key: c.value}, local("m")...)
		if code := s.wait(t); code != 2 || !strings.Contains(s.out.String(), c.want) {
			t.Errorf("%s: exit %d, want 2 with %q; said:\n%s", name, code, c.want, s.out.String())
		}
	}
}

func TestTakenPortFailsAtOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	s := serve(t, map[string]string{"AIM_SIMULATE": "load=1h"}, "m", "--host", "127.0.0.1", "--port", strconv.Itoa(port))
	if code := s.wait(t); code != 1 || !strings.Contains(s.out.String(), "[Errno 98] Address already in use") {
		t.Errorf("exit %d", code)
	}
}

func TestClientsAreTurnedAwayUntilTheServerIsReady(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close() // free again, and unlikely to be given away at once
	s := serve(t, map[string]string{"AIM_SIMULATE": "hang"}, "m", "--host", "127.0.0.1", "--port", strconv.Itoa(port))
	eventually(t, "it loads", func() bool { return strings.Contains(s.out.String(), "checkpoint shards:   0%") })
	if r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/health", port)); err == nil {
		r.Body.Close()
		t.Errorf("a server that loads answered %s", r.Status)
	}
	s.stop()
	if code := s.wait(t); code != 143 {
		t.Errorf("ended while starting with %d, want 143", code)
	}
}

func TestWrongServesAnotherName(t *testing.T) {
	s := serve(t, map[string]string{"AIM_SIMULATE": "wrong"}, local("org/model")...)
	if _, body := get(t, s.ready(t)+"/v1/models"); strings.Contains(body, `"id":"org/model"`) || !strings.Contains(body, "simulated/another-model") {
		t.Errorf("/v1/models: %s", body)
	}
}

func TestLateFaultsHappenToAServerThatIsUp(t *testing.T) {
	for _, c := range []struct {
		script string
		code   int
		want   string
	}{
		{"crash=1ms", 1, "EngineDeadError"},
		{"exit0=1ms", 0, "EngineDeadError"},
		{"gpu_fault=1ms", 1, "Memory access fault by GPU node-"},
	} {
		s := serve(t, map[string]string{"AIM_SIMULATE": c.script}, local("m")...)
		code, said := s.wait(t), s.out.String()
		up, down := strings.Index(said, "Application startup complete."), strings.Index(said, c.want)
		if code != c.code || up < 0 || down < up || strings.Contains(said, "initialization failed") {
			t.Errorf("%s: exit %d, want %d; said:\n%s", c.script, code, c.code, said)
		}
	}
}

func TestUnhealthyServerStaysAndDoesNotAnswer(t *testing.T) {
	s := serve(t, map[string]string{"AIM_SIMULATE": "unhealthy=1ms"}, local("m")...)
	url := s.ready(t)
	eventually(t, "/health is 503", func() bool {
		code, _ := get(t, url+"/health")
		return code == http.StatusServiceUnavailable
	})
	s.stop()
	if code := s.wait(t); code != 0 {
		t.Errorf("ended with %d, want 0", code)
	}
}

// A server that has stopped working says that it is well, and its counters of work
// stand still, whatever else it counts.
func TestServersThatAreWellAndDoNoWork(t *testing.T) {
	for _, fault := range []string{"mute=1ms", "stall=1ms"} {
		t.Run(fault, func(t *testing.T) {
			s := serve(t, map[string]string{"AIM_SIMULATE": fault}, local("m")...)
			url := s.ready(t)
			client := http.Client{Timeout: 300 * time.Millisecond}
			eventually(t, "a request is not answered", func() bool {
				resp, err := client.Post(url+"/v1/completions", "application/json", strings.NewReader(`{"model":"m","prompt":"a"}`))
				if err == nil {
					resp.Body.Close()
				}
				return err != nil
			})
			if code, _ := get(t, url+"/health"); code != http.StatusOK {
				t.Errorf("/health answers %d", code)
			}
			before, err := vllm.New().Metrics(t.Context(), http.DefaultClient, url)
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := client.Post(url+"/v1/completions", "application/json", strings.NewReader(`{"model":"m","prompt":"a"}`)); err == nil {
				t.Errorf("it answers: %s", resp.Status)
			}
			if after, err := vllm.New().Metrics(t.Context(), http.DefaultClient, url); err != nil || after.WorkedSince(before) {
				t.Errorf("it counts work (%v): %+v, before %+v", err, after, before)
			}
		})
	}
}

// Answers stop in mid-stream: what was said is counted, and no more comes.
func TestAnEngineStallsInMidStream(t *testing.T) {
	s := serve(t, map[string]string{"AIM_SIMULATE": "stall=400ms;tpot=20ms"}, local("m")...)
	resp, err := http.Post(s.ready(t)+"/v1/completions", "application/json", strings.NewReader(`{"model":"m","prompt":"a","stream":true,"max_tokens":1000,"ignore_eos":true}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var heard atomic.Int64
	go func() {
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			heard.Add(1)
		}
	}()
	last, since := int64(0), time.Now()
	eventually(t, "it says something, and then nothing for ten tokens' time", func() bool {
		if now := heard.Load(); now != last {
			last, since = now, time.Now()
		}
		return last > 0 && time.Since(since) > 200*time.Millisecond
	})
	if last > 2*1000 {
		t.Errorf("it said all: %d lines", last)
	}
}

func TestMissingInterfaces(t *testing.T) {
	s := serve(t, map[string]string{"AIM_SIMULATE": "no_generate"}, local("m")...)
	if served, err := vllm.New().Prove(t.Context(), http.DefaultClient, s.ready(t), "m", "generate"); err != nil || served != "embed" {
		t.Errorf("a server of embeddings alone: %q, %v", served, err)
	}
	s = serve(t, map[string]string{"AIM_SIMULATE": "no_generate;no_embed"}, local("m")...)
	if _, err := vllm.New().Prove(t.Context(), http.DefaultClient, s.ready(t), "m", "embed"); aim.FailureOf(err).Class != aim.ClassTask {
		t.Errorf("a server of nothing: %v", err)
	}
}

func TestATalkingServerRepeatsItself(t *testing.T) {
	s := serve(t, map[string]string{"AIM_SIMULATE": "talk"}, local("m")...)
	eventually(t, "it says so again", func() bool {
		return strings.Count(s.out.String(), "No available shared memory broadcast block") > 3
	})
}

func TestReadyTakesTheTimeItIsToldTo(t *testing.T) {
	began := time.Now()
	s := serve(t, map[string]string{"AIM_SIMULATE": "load=50ms;ready=200ms"}, local("m")...)
	s.ready(t)
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("ready after %v, want 200 ms at least", took)
	}
}

func TestVRAMIsHeldWhileTheServerRuns(t *testing.T) {
	tree := createTree(t, "sim-1", 3)
	gpus := tree.GPUs()
	s := serve(t, onTree(tree, gpus[2].UUID+","+gpus[0].UUID), local("m", "--tensor-parallel-size", "2", "--gpu-memory-utilization", "0.9")...)
	s.ready(t)
	const budget = 185_527_487_693 // 90 % of 206,141,652,992, rounded up
	for gpu, want := range []uint64{budget, idle, budget} {
		if got := used(t, tree, gpu); got != want {
			t.Errorf("GPU %d has %d bytes in use, want %d", gpu, got, want)
		}
	}
	s.stop()
	s.wait(t)
	for gpu := range gpus {
		if got := used(t, tree, gpu); got != idle {
			t.Errorf("after the end GPU %d has %d bytes in use, want %d", gpu, got, idle)
		}
	}
}

func TestVRAMOfAFailedStartIsFree(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	env := onTree(tree, "0")
	env["AIM_SIMULATE"] = "kv_none"
	serve(t, env, local("m")...).wait(t)
	if got := used(t, tree, 0); got != idle {
		t.Errorf("%d bytes are still in use, want %d", got, idle)
	}
}

func TestTwoServersOnOneGPUCollide(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	serve(t, onTree(tree, "0"), local("a")...).ready(t)
	s := serve(t, onTree(tree, "0"), local("b")...)
	if code := s.wait(t); code != 1 || !strings.Contains(s.out.String(), "Free memory on device cuda:0 (15.36/191.98 GiB) on startup is less than desired GPU memory utilization (0.92, 176.63 GiB)") {
		t.Errorf("exit %d", code)
	}
}

func TestTwoServersShareAGPUWhenTheyAskForLess(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	for _, model := range []string{"a", "b"} {
		serve(t, onTree(tree, "0"), local(model, "--gpu-memory-utilization", "0.45")...).ready(t)
	}
	serve(t, onTree(tree, "0"), local("c", "--gpu-memory-utilization", "0.2")...).wait(t)
}

func TestMemoryFailsByItselfWhenTheModelIsTooLarge(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	for size, want := range map[uint64]string{
		180 * gib: "No available memory for the cache blocks",
		300 * gib: "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 300.00 GiB",
	} {
		env := onTree(tree, "0")
		env["AIM_SIM_WEIGHTS_BYTES"] = strconv.FormatUint(size, 10)
		s := serve(t, env, local("m")...)
		if code := s.wait(t); code != 1 || !strings.Contains(s.out.String(), want) {
			t.Errorf("%d GiB: exit %d, want %q", size/gib, code, want)
		}
	}
}

func TestMoreRanksThanGPUsAreRefused(t *testing.T) {
	tree := createTree(t, "sim-1", 2)
	for visible, want := range map[string]string{
		"":                           "World size (4) is larger than the number of available GPUs (2) in this node",
		"1":                          "(1) in this node",
		tree.GPUs()[0].UUID + ",9,1": "(1) in this node", // ROCm stops at a device that does not exist
		"GPU-0000000000000000":       "(0) in this node",
	} {
		s := serve(t, onTree(tree, visible), local("m", "-tp", "4")...)
		if code := s.wait(t); code != 1 || !strings.Contains(s.out.String(), want) {
			t.Errorf("with %q visible: exit %d, want %q", visible, code, want)
		}
	}
}

func TestHeadlessRankHoldsItsGPUsAndListensNowhere(t *testing.T) {
	tree := createTree(t, "sim-1", 2)
	s := serve(t, onTree(tree, ""), "m", "-tp", "2", "-pp", "2", "--nnodes", "2", "--node-rank", "1", "--master-addr", "127.0.0.1", "--headless")
	eventually(t, "the rank runs", func() bool { return strings.Contains(s.out.String(), "headless: rank 1 of 2") })
	if used(t, tree, 1) == idle || strings.Contains(s.out.String(), "Starting vLLM server") {
		t.Error("it holds nothing, or it listens")
	}
	s.stop()
	if code := s.wait(t); code != 0 {
		t.Errorf("ended with %d, want 0", code)
	}
}

func TestKilledServerLeavesItsVRAMToReap(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	reap(t, tree)
	for _, c := range []struct {
		signal syscall.Signal
		want   string
	}{{syscall.SIGTERM, "exit status 0"}, {syscall.SIGKILL, "signal: killed"}} {
		cmd := run(t, "vllm", []string{"AIM_SIM_ROOT=" + tree.Root(), "ROCR_VISIBLE_DEVICES=0"}, local("m")...)
		var out transcript
		cmd.Stdout = &out
		start(t, cmd)
		eventually(t, "the server is ready", func() bool { return strings.Contains(out.String(), "Application startup complete.") })
		if got := used(t, tree, 0); got < 170*gib {
			t.Errorf("the server holds %d bytes", got)
		}
		eventually(t, "KFD shows it", func() bool { return kfdVRAM(tree, cmd.Process.Pid, 0) != "" })
		if err := cmd.Process.Signal(c.signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // looked at below
		if got := cmd.ProcessState.String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.signal, got, c.want)
		}
		eventually(t, "the VRAM is free", func() bool { return used(t, tree, 0) == idle })
	}
}

func TestRequestsInFlightFinishWithinTheShutdownTimeout(t *testing.T) {
	s := serve(t, map[string]string{"AIM_SIMULATE": "ttft=300ms"}, local("m", "--shutdown-timeout", "20")...)
	url := s.ready(t)
	answered := make(chan string, 1)
	go func() {
		r, err := http.Post(url+"/v1/completions", "application/json", strings.NewReader(`{"prompt":"hello"}`))
		if err != nil {
			answered <- err.Error()
			return
		}
		defer r.Body.Close()
		answered <- r.Status
	}()
	eventually(t, "the request runs", func() bool {
		_, body := get(t, url+"/metrics")
		return strings.Contains(body, `vllm:num_requests_running{engine="0",model_name="m"} 1`)
	})
	s.stop()
	if got := <-answered; got != "200 OK" {
		t.Errorf("the request ended with %q", got)
	}
	if code := s.wait(t); code != 0 {
		t.Errorf("ended with %d, want 0", code)
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		out := readyWriter{cancel}
		if code := simulator.Serve(ctx, "vllm", local("m"), func(string) string { return "" }, out, io.Discard); code != 0 {
			b.Fatalf("exit %d", code)
		}
	}
}

// readyWriter ends the server as soon as it says that it is ready.
type readyWriter struct{ end context.CancelFunc }

func (w readyWriter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("Application startup complete.")) {
		w.end()
	}
	return len(p), nil
}

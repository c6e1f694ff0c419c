package process

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim"
)

func TestOwnStat(t *testing.T) {
	p, ok := statOf(os.Getpid())
	if !ok || p.PID != os.Getpid() || p.PPID != os.Getppid() || p.PGRP != unix.Getpgrp() || p.Starttime == 0 || dead(p) {
		t.Errorf("%+v, %v", p, ok)
	}
}

func TestBelow(t *testing.T) {
	all := []procStat{{PID: 1}, {PID: 2, PPID: 1}, {PID: 3, PPID: 2}, {PID: 4, PPID: 9}, {PID: 5, PPID: 3}}
	if got := below(1, all); !slices.Equal(got, []int{2, 3, 5}) {
		t.Errorf("%v", got)
	}
}

func TestExitOf(t *testing.T) {
	for _, c := range []struct {
		status unix.WaitStatus
		oom    bool
		want   aim.Exit
	}{
		{0, false, aim.Exit{}},
		{3 << 8, true, aim.Exit{Code: 3}},
		{15, true, aim.Exit{Code: 143, Message: "killed by SIGTERM"}},
		{9, false, aim.Exit{Code: 137, Message: "killed by SIGKILL"}},
	} {
		if got := exitOf(c.status, c.oom); got != c.want {
			t.Errorf("%v: %+v", c.status, got)
		}
	}
	if got := exitOf(9, true); got.Code != 137 || !got.OOM {
		t.Errorf("%+v", got)
	}
	if n := countOOM([]byte("pgfault 1\noom_kill 12\nx 3\n")); n != 12 {
		t.Errorf("counted %d", n)
	}
}

func TestEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"PATH": "/bin", "HOME": "/root", "HSA_X": "1", "HSA_Y": "2", "LD_LIBRARY_PATH": "/opt/rocm/lib", "VLLM_PLUGINS": "x", "LANG": "C",
		"AIM_NODE": "n1", "TEMPORAL_ADDRESS": "t:1", "NATS_URL": "n", "HF_TOKEN": "a", "AWS_SECRET_ACCESS_KEY": "b",
		"HIP_VISIBLE_DEVICES": "7", "ROCR_VISIBLE_DEVICES": "7", "GPU_DEVICE_ORDINAL": "7",
	} {
		t.Setenv(name, value)
	}
	launch := aim.Launch{
		GPUs: []aim.GPU{{UUID: "GPU-00000000000000b1"}, {UUID: "GPU-00000000000000a0"}},
		Env:  map[string]string{"LANG": "de", "AIM_PROFILE": "p"}, SecretEnv: map[string]string{"VLLM_API_KEY": "k"},
	}
	r := &Runtime{opts: Options{Env: map[string]string{"LANG": "fr"}}, inherit: []string{"HSA_*", "LD_LIBRARY_PATH", "AIM_*", "*_DEVICES", "HIP_VISIBLE_DEVICES"}}
	got, err := r.environment("/servers/a", plan{Launch: launch}, launch.SecretEnv)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"AIM_PROFILE=p", "HOME=/root", "HSA_X=1", "HSA_Y=2", "LANG=de", "LD_LIBRARY_PATH=/opt/rocm/lib", "PATH=/bin",
		"ROCR_VISIBLE_DEVICES=GPU-00000000000000b1,GPU-00000000000000a0", // in the order of the ranks
		"VLLM_API_KEY=k", "_AIM_SERVER=/servers/a",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestEnvironmentRefuses(t *testing.T) {
	whole := aim.GPU{ID: "GPU-00000000000000b1", UUID: "GPU-00000000000000b1", Partitions: 1}
	for name, launch := range map[string]aim.Launch{
		"a choice of GPUs":     {Env: map[string]string{"HIP_VISIBLE_DEVICES": "0"}},
		"one among secrets":    {SecretEnv: map[string]string{"ROCR_VISIBLE_DEVICES": "0"}},
		"the gate's own":       {Env: map[string]string{gateEnv: "1"}},
		"another's folder":     {Env: map[string]string{serverEnv: "/servers/b"}},
		"a bad name":           {Env: map[string]string{"A=B": "1"}},
		"a bad value":          {SecretEnv: map[string]string{"A": "s3cret\x00"}},
		"a partition":          {GPUs: []aim.GPU{{ID: "x/1", UUID: whole.UUID, Partitions: 8}}},
		"a GPU without a UUID": {GPUs: []aim.GPU{{ID: "x"}}},
		"a GPU twice":          {GPUs: []aim.GPU{whole, whole}},
	} {
		if env, err := new(Runtime).environment("/servers/a", plan{Launch: launch}, launch.SecretEnv); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %q, %v", name, env, err)
		}
	}
}

// writeLog makes a log of numbered lines of 64 bytes.
func writeLog(t *testing.T, lines int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), logFile)
	var text strings.Builder
	for i := range lines {
		line := "line " + strings.Repeat("0123456789", 6)[:58-len(strconv.Itoa(i))] + strconv.Itoa(i)
		text.WriteString(line + "\n")
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTrimKeepsHeadAndTail(t *testing.T) {
	path := writeLog(t, 40_000) // 2.4 MiB
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := trim(path, 256<<10, 512<<10, 64<<10); err != nil {
		t.Skipf("this file system does not make holes: %v", err)
	}
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		t.Fatal(err)
	}
	if stat.Blocks*512 > 1<<20 || stat.Size != int64(len(before)) {
		t.Errorf("%d bytes of %d take %d", stat.Size, len(before), stat.Blocks*512)
	}
	// A server that goes on writes behind the tail.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	file.WriteString("the last line\n")
	file.Close()
	log, err := openLog(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	after, err := io.ReadAll(log)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(after), "\n[1 MiB of this log were dropped]\n")
	if !found || strings.ContainsRune(string(after), 0) {
		t.Fatalf("%d bytes, note found: %v", len(after), found)
	}
	tail, ended := strings.CutSuffix(rest, "the last line\n")
	if !ended || len(head) < 256<<10 || len(tail) < 512<<10 {
		t.Errorf("head has %d bytes, tail %d, ended %v", len(head), len(tail), ended)
	}
	if !strings.HasPrefix(string(before), head) || !strings.HasSuffix(string(before), tail) {
		t.Error("head or tail changed")
	}
	if err := trim(path, 256<<10, 512<<10, 64<<10); err != nil {
		t.Error(err)
	}
}

func TestTrimLeavesShortLogsAlone(t *testing.T) {
	path := writeLog(t, 100)
	before, _ := os.ReadFile(path)
	if err := trim(path, 1<<10, 1<<10, 1<<20); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the log changed")
	}
}

func TestLastLinesAt(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"a\nb\nc\n", 1, "c\n"},
		{"a\nb\nc\n", 2, "b\nc\n"},
		{"a\nb\nc\n", 3, "a\nb\nc\n"},
		{"a\nb\nc\n", 9, "a\nb\nc\n"},
		{"a\nb\nhalf", 1, "half"},
		{"a\n\n\n", 2, "\n\n"},
		{"", 3, ""},
		{"\n", 1, "\n"},
		{strings.Repeat("x", 70<<10) + "\n" + strings.Repeat("y", 70<<10) + "\n", 1, strings.Repeat("y", 70<<10) + "\n"},
	} {
		path := filepath.Join(t.TempDir(), logFile)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		log, err := openLog(path, c.n)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(log)
		log.Close()
		if err != nil || string(got) != c.want {
			t.Errorf("last %d of %.20q: %.20q, %v", c.n, c.text, got, err)
		}
	}
}

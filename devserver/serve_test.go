package devserver_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim/devserver"
)

func TestSaysWhereItServesWhenItDoes(t *testing.T) {
	readyFile := filepath.Join(t.TempDir(), "ready.json")
	p := serve(t, "--ready-file", readyFile, "--namespace", "fleet")

	if got := readReady(t, readyFile); got != p.Ready {
		t.Errorf("ready file says %+v, stdout %+v", got, p.Ready)
	}
	if p.PID != p.cmd.Process.Pid {
		t.Errorf("pid %d, want %d", p.PID, p.cmd.Process.Pid)
	}
	if p.Namespace != "fleet" {
		t.Errorf("namespace %q, want fleet", p.Namespace)
	}
	if p.Version != devserver.Version() || !strings.Contains(p.Version, "temporal 1.") {
		t.Errorf("version %q, want %q", p.Version, devserver.Version())
	}
	for _, address := range []string{p.TemporalAddress, hostOf(t, p.UIAddress), hostOf(t, p.NATSURL)} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Errorf("%s is announced but: %v", address, err)
			continue
		}
		if ip := conn.RemoteAddr().(*net.TCPAddr).IP; !ip.IsLoopback() {
			t.Errorf("listens on %s, want loopback only", ip)
		}
		conn.Close()
	}
	// Whoever is told that it serves may start at once.
	c := dial(t, p)
	startCollect(t, c, "at-once")
}

func TestListensOnLoopbackOnly(t *testing.T) {
	p := serve(t)
	for _, address := range listeners(t, p.PID) {
		if !address.IP.IsLoopback() {
			t.Errorf("listens on %s", address.String())
		}
	}
}

func TestServesTheUI(t *testing.T) {
	p := serve(t)

	page := get(t, p.UIAddress+"/", "text/html")
	if !strings.Contains(strings.ToLower(page), "<!doctype html>") {
		t.Errorf("GET / is no page: %.200s", page)
	}

	var answer struct {
		Namespaces []struct {
			NamespaceInfo struct{ Name string }
			Config        struct{ WorkflowExecutionRetentionTtl string }
		}
	}
	list := get(t, p.UIAddress+"/api/v1/namespaces", "application/json")
	if err := json.Unmarshal([]byte(list), &answer); err != nil {
		t.Fatal(err)
	}
	retention := map[string]string{}
	for _, ns := range answer.Namespaces {
		retention[ns.NamespaceInfo.Name] = ns.Config.WorkflowExecutionRetentionTtl
	}
	if want := "604800s"; retention["default"] != want {
		t.Errorf("namespace default keeps closed workflows %q, want %q (all: %v)", retention["default"], want, retention)
	}
}

func TestStopsCleanlyWhileWorkersPoll(t *testing.T) {
	readyFile := filepath.Join(t.TempDir(), "ready.json")
	p := serve(t, "--dir", t.TempDir(), "--ready-file", readyFile)
	c := dial(t, p)
	work(t, c)
	startCollect(t, c, "open")
	queryWords(t, c, "open") // the worker is at work

	began := time.Now()
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	t.Logf("stopped in %s", time.Since(began).Round(time.Millisecond))
	if _, err := os.Stat(readyFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ready file after the stop: %v, want none", err)
	}
	if log := p.stderr.String(); log != "" {
		t.Errorf("a clean start and stop is worth no line at level warn, got:\n%s", log)
	}
}

func TestInterruptedWhileStarting(t *testing.T) {
	dir := t.TempDir()
	p, _ := launch(t, "--dir", dir)
	eventually(t, readyWithin, func() error { // it is at work, and far from serving
		_, err := os.Stat(filepath.Join(dir, "lock"))
		return err
	})
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	serve(t, "--dir", dir)
}

func TestCommandLine(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
		out  string // part of stdout (code 0) or stderr
	}{
		{[]string{"--help"}, 0, "-search-attribute"},
		{[]string{"--version"}, 0, devserver.Version()},
		{[]string{"--nosuch"}, 2, "nosuch"},
		{[]string{"serve"}, 2, `unexpected argument "serve"`},
		{[]string{"--search-attribute", "Model"}, 2, "Name=Type"},
		{[]string{"--log-level", "loud"}, 2, "loud"},
		{[]string{"--ui-port", "70000"}, 1, "70000"},
		{[]string{"--ip", "localhost"}, 1, `"localhost"`},
		{[]string{"--ip", "192.0.2.1"}, 1, "192.0.2.1"}, // an address of nobody
		{[]string{"--namespace", "temporal-system"}, 1, "belongs to Temporal"},
		{[]string{"--search-attribute", "A=Int", "--search-attribute", "A=Text"}, 1, "A is given twice"},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			var stdout, stderr strings.Builder
			code := devserver.Main(tc.args, &stdout, &stderr)
			out := stdout.String()
			if tc.code != 0 {
				out = stderr.String()
			}
			if code != tc.code || !strings.Contains(out, tc.out) {
				t.Errorf("exit code %d, want %d; %q in:\n%s", code, tc.code, tc.out, out)
			}
		})
	}
}

// get fetches a page that must be there and of the given type.
func get(t *testing.T, address, mediaType string) string {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || resp.StatusCode != http.StatusOK || got != mediaType {
		t.Fatalf("GET %s: %s, %s %v: %.200s", address, resp.Status, got, err, body)
	}
	return string(body)
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// listeners reads from /proc on which TCP addresses a process listens.
func listeners(t *testing.T, pid int) []net.TCPAddr {
	t.Helper()
	inodes := map[string]bool{}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			inodes[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
		}
	}
	var found []net.TCPAddr
	for _, table := range []string{"tcp", "tcp6"} {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			continue // no IPv6 here
		}
		for _, line := range strings.Split(string(content), "\n") {
			const listening = "0A"
			if f := strings.Fields(line); len(f) > 9 && f[3] == listening && inodes[f[9]] {
				found = append(found, parseProcAddress(t, f[1]))
			}
		}
	}
	if len(found) < 6 {
		t.Fatalf("found %d listeners of %d, want at least Temporal's four, the UI and NATS", len(found), pid)
	}
	return found
}

// parseProcAddress reads "0100007F:1F90": an address as little-endian 32-bit
// words, and a port.
func parseProcAddress(t *testing.T, s string) net.TCPAddr {
	t.Helper()
	var words []byte
	var port int
	if _, err := fmt.Sscanf(strings.Replace(s, ":", " ", 1), "%x %x", &words, &port); err != nil {
		t.Fatalf("address %q: %v", s, err)
	}
	for i := 0; i+4 <= len(words); i += 4 {
		words[i], words[i+1], words[i+2], words[i+3] = words[i+3], words[i+2], words[i+1], words[i]
	}
	return net.TCPAddr{IP: words, Port: port}
}

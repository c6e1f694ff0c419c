package devserver_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRefusesAPortThatIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port

	for flag, service := range map[string]string{
		"--temporal-port": "Temporal", "--ui-port": "the Temporal UI", "--nats-port": "NATS",
	} {
		t.Run(flag, func(t *testing.T) {
			code, stderr := refused(t, flag, fmt.Sprint(port))
			want := fmt.Sprintf("aim-devserver: port %d for %s is taken on 127.0.0.1", port, service)
			if code != 1 || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, %q, want 1 and one line that begins with %q", code, stderr, want)
			}
		})
	}
}

func TestUsesThePortsItIsGiven(t *testing.T) {
	first := serve(t)
	args := make([]string, 0, 6)
	for flag, address := range map[string]string{
		"--temporal-port": first.TemporalAddress, "--ui-port": hostOf(t, first.UIAddress), "--nats-port": hostOf(t, first.NATSURL),
	} {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, flag, port)
	}
	// Clients that were connected must not stand in the way of a restart.
	connect(t, first.NATSURL)
	dial(t, first)
	first.kill()

	second := serve(t, args...)
	if second.TemporalAddress != first.TemporalAddress || second.UIAddress != first.UIAddress || second.NATSURL != first.NATSURL {
		t.Errorf("serves at %+v, want the ports of %+v", second.Ready, first.Ready)
	}
}

func TestRefusesADirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	readyFile := filepath.Join(t.TempDir(), "ready.json")
	first := serve(t, "--dir", dir, "--ready-file", readyFile)

	code, stderr := refused(t, "--dir", dir, "--ready-file", readyFile)
	want := fmt.Sprintf("state directory %s is in use by process %d", dir, first.PID)
	if code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("exit code %d, %q, want 1 and %q", code, stderr, want)
	}
	if got := readReady(t, readyFile); got != first.Ready {
		t.Errorf("the refused process left the ready file as %+v, want %+v", got, first.Ready)
	}
	startCollect(t, dial(t, first), "undisturbed")

	first.kill() // no lock outlives its process
	serve(t, "--dir", dir)
}

func TestRefusesADatabaseOfAnotherVersion(t *testing.T) {
	dir := t.TempDir()
	serve(t, "--dir", dir).stop()
	version := filepath.Join(dir, "version.json")
	original, err := os.ReadFile(version)
	if err != nil {
		t.Fatal(err)
	}

	for _, tc := range []struct{ name, content, want string }{
		{"older", `{"temporal":"1.29.1","schema":"0.10","visibility_schema":"0.1"}`, "made by Temporal 1.29.1"},
		{"older, same tables", strings.Replace(string(original), `"temporal":"1.`, `"temporal":"1.9`, 1), "made by Temporal 1.9"},
		{"damaged", "{", "read its version"},
		{"missing", "", "version.json is missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.Remove(version); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if tc.content != "" {
				writeFile(t, version, tc.content)
			}
			code, stderr := refused(t, "--dir", dir)
			if code != 1 || !strings.Contains(stderr, tc.want) {
				t.Errorf("exit code %d, %q, want 1 and %q", code, stderr, tc.want)
			}
			if cure := "delete " + filepath.Join(dir, "temporal.db") + "*"; !strings.Contains(stderr, cure) {
				t.Errorf("%q does not name the cure %q", stderr, cure)
			}
		})
	}

	// The cure works.
	files, err := filepath.Glob(filepath.Join(dir, "temporal.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no database in %s: %v", dir, err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	serve(t, "--dir", dir).stop()
	if again, err := os.ReadFile(version); err != nil || string(again) != string(original) {
		t.Errorf("version file %q, %v, want %q", again, err, original)
	}

	// A patch release reads the files of another.
	writeFile(t, version, strings.Replace(string(original), `","schema"`, `9","schema"`, 1))
	serve(t, "--dir", dir)
}

// A log that outlived its database must not be applied to the next one.
func TestStartsOverAfterItsDatabaseIsDeleted(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, "--dir", dir, "--search-attribute", "Model=Keyword")
	startCollect(t, dial(t, p), "forgotten", model.ValueSet("m1"))
	p.kill() // what it wrote last is in the log
	if err := os.Remove(filepath.Join(dir, "temporal.db")); err != nil {
		t.Fatal(err)
	}

	c := dial(t, serve(t, "--dir", dir, "--search-attribute", "Model=Keyword"))
	startCollect(t, c, "new", model.ValueSet("m1"))
	eventuallyListed(t, c, `Model="m1"`, "new")
}

// A process killed while it made its tables leaves them under another name.
func TestStartsOverAfterAnUnfinishedDatabase(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "temporal.db.new"), "half a database")
	writeFile(t, filepath.Join(dir, "ready.json"), "left by a killed process")

	p := serve(t, "--dir", dir, "--ready-file", filepath.Join(dir, "ready.json"))
	startCollect(t, dial(t, p), "first")
	if got := readReady(t, filepath.Join(dir, "ready.json")); got != p.Ready {
		t.Errorf("ready file says %+v, want %+v", got, p.Ready)
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

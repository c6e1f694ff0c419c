package worker

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/servertest"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/internal/simulator"
)

func TestADamagedLedgerIsSetAside(t *testing.T) {
	dir := t.TempDir()
	l, err := openLedger(dir, "boot", quiet())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openLedger(dir, "boot", quiet()); err == nil {
		t.Error("two agents have one ledger")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ledger", "claims.json"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err = openLedger(dir, "boot", quiet()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// runNode runs a node agent on a simulated machine with one GPU until the test
// ends, and returns its folder and a connection to ask it.
func runNode(t *testing.T, id string) (dir string, conn *inventory.Conn) {
	t.Helper()
	s := servertest.Get(t)
	dir, root := t.TempDir(), t.TempDir()
	if _, err := simulator.CreateTree(root, id, 1); err != nil {
		t.Fatal(err)
	}
	n, err := NewNode(t.Context(), s.Connection(), settings.Node{
		ID: id, Dir: dir, Sysfs: root, SimulateRoot: root, Runtime: "process", Weights: settings.Weights{Cache: t.TempDir(), HubOffline: true},
		Ports: settings.Ports{First: 22900, Last: 22909}, Rescan: time.Minute, Silence: time.Minute,
	}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	})
	select {
	case <-n.telemetry.Ready():
	case err := <-ended:
		t.Fatalf("the agent ended with %v", err)
	}
	if conn, err = inventory.Connect(t.Context(), s.Connection().NATS, "aim-test", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return dir, conn
}

func ask(t *testing.T, conn *inventory.Conn, node, question string, payload any) string {
	t.Helper()
	text, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	r, err := inventory.Ask(t.Context(), conn, node, question, text)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	answer, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestNodeAnswersQuestions(t *testing.T) {
	dir, conn := runNode(t, "asked-1")
	var n aim.Node
	if err := json.Unmarshal([]byte(ask(t, conn, "asked-1", activities.QuestionDescribe, nil)), &n); err != nil {
		t.Fatal(err)
	}
	if n.ID != "asked-1" || len(n.GPUs) != 1 || n.Labels["node"] != "asked-1" || n.Namespace == "" || n.BootID == "" {
		t.Errorf("it describes itself as %+v", n)
	}

	// The log that an ended server has left.
	id := aim.Identity{Deployment: "a", UID: "uid-of-a", Attempt: 1}
	log := filepath.Join(dir, "servers", id.Server(), "server.log")
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, []byte("first\nusing hf_abcdefghijklmnopqrstuvwxyzABCDEFGH\nlast\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, conn, "asked-1", activities.QuestionLogs, activities.LogQuestion{Identity: id}); got != "first\nusing [secret]\nlast\n" {
		t.Errorf("the log is %q", got)
	}
	if got := ask(t, conn, "asked-1", activities.QuestionLogs, activities.LogQuestion{Identity: id, LogOptions: aim.LogOptions{Tail: 1}}); got != "last\n" {
		t.Errorf("its last line is %q", got)
	}
}

// The activities of a node are carried out by the agent of that name, and only
// while it runs.
func TestNodeCarriesOutActivities(t *testing.T) {
	runNode(t, "acts-1")
	c := servertest.Get(t).Dial(t)
	cordon := "upgrade"
	h, err := c.ExecuteActivity(t.Context(), client.StartActivityOptions{
		ID: "acts-1-cordon", TaskQueue: activities.NodeQueue("acts-1"), StartToCloseTimeout: servertest.Within,
	}, activities.SetNode, activities.SetNodeRequest{Cordon: &cordon})
	if err != nil {
		t.Fatal(err)
	}
	var res activities.SetNodeResult
	if err := h.Get(t.Context(), &res); err != nil || res.State.Cordon != "upgrade" {
		t.Errorf("%+v, %v", res, err)
	}
}

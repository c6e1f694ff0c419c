package worker

import (
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/internal/amdgpu"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/internal/temporal"
)

// The Docker daemon of the settings is the one that is asked, whatever the
// environment names.
func TestTheDockerDaemonOfTheSettingsIsAsked(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	daemon := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("API-Version", "1.47")
		_, _ = w.Write([]byte("{}"))
	})}
	go func() { _ = daemon.Serve(l) }()
	defer daemon.Close()
	n := &Node{cfg: settings.Node{Dir: t.TempDir(), DockerHost: "unix://" + socket}, log: quiet()}
	runtimes, err := n.openRuntimes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = runtimes[0].Check(t.Context()) // whatever it makes of the answers
	if asked.Load() == 0 {
		t.Errorf("the daemon was not asked: %v", err)
	}
}

// Every file of the settings of NATS is read: one that is missing is named.
func TestTheFilesOfNATSAreRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for name, to := range map[string]settings.NATS{
		"creds": {Creds: missing}, "ca": {TLSCA: missing}, "certificate": {TLSCert: missing, TLSKey: missing},
	} {
		to.URL = "nats://127.0.0.1:1"
		if _, err := inventory.Connect(t.Context(), to, "test", nil); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("%s: %v, want %s named", name, err, missing)
		}
	}
}

// The agent's settings reach the node as they are.
func TestTheSettingsReachTheNode(t *testing.T) {
	cfg := settings.Node{
		ID: "unusual-1", Address: "127.0.0.9", Labels: map[string]string{"rack": "r9"}, Dir: t.TempDir(), Weights: settings.Weights{Cache: t.TempDir()},
		Shares: true, SimulateRoot: t.TempDir(),
	}
	w := &Node{cfg: cfg, log: quiet()}
	l, err := openLedger(cfg.Dir, bootOf(cfg), quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w.ledger, w.gpus, w.polls = l, amdgpu.New(t.TempDir()), temporal.WatchPolls(time.Now)
	n := node.New(t.Context(), w.ports(), w.agentOptions("ns", 7)).Inventory()
	if n.ID != cfg.ID || n.Address != cfg.Address || !n.Shares || !n.Simulated || n.Labels["rack"] != "r9" || n.Labels["node"] != cfg.ID ||
		n.Namespace != "ns" || n.Epoch != 7 || n.Version != Version || !slices.Equal(n.Runtimes, nil) {
		t.Errorf("the node says of itself %+v", n)
	}
}

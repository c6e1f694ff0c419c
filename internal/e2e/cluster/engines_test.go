package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/aim-engine/aim/internal/e2e/stack"
)

// engines are the processes of a cluster, by name: postgres, frontend-1, frontend-2,
// history-1, history-2, nats-1 to nats-3.
type engines struct {
	bin, dir string
	running  map[string]*exec.Cmd
	start    map[string]func() *exec.Cmd
}

// temporalConfig is the configuration of one process; all have the same ports, each at
// its own address.
var temporalConfig = template.Must(template.New("").Parse(`
log: {stdout: true, level: warn}
persistence:
  defaultStore: default
  visibilityStore: visibility
  numHistoryShards: 16
  datastores:
    default: {sql: {pluginName: postgres12, databaseName: temporal, connectAddr: "{{.Postgres}}", connectProtocol: tcp, user: aim, maxConns: 20, maxIdleConns: 20, maxConnLifetime: 1h}}
    visibility: {sql: {pluginName: postgres12, databaseName: temporal_visibility, connectAddr: "{{.Postgres}}", connectProtocol: tcp, user: aim, maxConns: 5, maxIdleConns: 5, maxConnLifetime: 1h}}
global:
  membership: {maxJoinDuration: 30s, broadcastAddress: "{{.IP}}"}
services:
  frontend: {rpc: {grpcPort: 7233, membershipPort: 6933, bindOnIP: "{{.IP}}"}}
  matching: {rpc: {grpcPort: 7235, membershipPort: 6935, bindOnIP: "{{.IP}}"}}
  history: {rpc: {grpcPort: 7234, membershipPort: 6934, bindOnIP: "{{.IP}}"}}
  worker: {rpc: {grpcPort: 7239, membershipPort: 6939, bindOnIP: "{{.IP}}"}}
clusterMetadata:
  enableGlobalNamespace: false
  failoverVersionIncrement: 10
  masterClusterName: active
  currentClusterName: active
  clusterInformation: {active: {enabled: true, initialFailoverVersion: 1, rpcName: frontend, rpcAddress: "{{.First}}:7233"}}
dcRedirectionPolicy: {policy: noop}
dynamicConfigClient: {filepath: "{{.Dynamic}}", pollInterval: 10s}
`))

// startEngines starts all; the test is skipped where no programs were built for it.
func startEngines(t *testing.T, ctx context.Context) *engines {
	t.Helper()
	bin := os.Getenv("AIM_ENGINES")
	if bin == "" {
		t.Skip("it needs Temporal's and NATS' programs: run make test-cluster")
	}
	dir, err := os.MkdirTemp("", "aim-cluster-")
	must(t, err)
	e := &engines{bin: bin, dir: dir, running: map[string]*exec.Cmd{}, start: map[string]func() *exec.Cmd{}}
	t.Cleanup(func() {
		for name, cmd := range e.running {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if t.Failed() {
				text, _ := os.ReadFile(filepath.Join(dir, name+".log"))
				t.Logf("%s: %s", name, text[max(0, len(text)-1500):])
			}
		}
		_ = os.RemoveAll(dir)
	})
	must(t, os.Chmod(dir, 0o755))
	postgres := e.startPostgres(t, ctx)
	dynamic, err := filepath.Abs("../../../deploy/temporal/dynamicconfig.yaml")
	must(t, err)
	for i, p := range []struct {
		name     string
		services []string
	}{
		{"frontend-1", []string{"frontend"}}, {"frontend-2", []string{"frontend"}},
		{"history-1", []string{"history", "matching", "worker"}}, {"history-2", []string{"history", "matching"}},
	} {
		var config bytes.Buffer
		must(t, temporalConfig.Execute(&config, map[string]string{"IP": temporalIP(i), "First": temporalIP(0), "Postgres": postgres, "Dynamic": dynamic}))
		file := filepath.Join(dir, p.name+".yaml")
		must(t, os.WriteFile(file, config.Bytes(), 0o644))
		args := []string{"--config-file", file, "--allow-no-auth", "start"}
		for _, s := range p.services {
			args = append(args, "--service", s)
		}
		e.start[p.name] = func() *exec.Cmd { return exec.Command(filepath.Join(bin, "temporal-server"), args...) }
		e.run(t, p.name)
		if i == 0 { // alone first: at the very first start two would race for the cluster's row
			listens(t, ctx, temporalIP(0)+":7233")
		}
	}
	listens(t, ctx, temporalIP(1)+":7233")
	for i := range 3 {
		e.start[natsName(i)] = func() *exec.Cmd {
			var routes []string
			for j := range 3 {
				routes = append(routes, fmt.Sprintf("nats://%s:6222", natsIP(j)))
			}
			return exec.Command(filepath.Join(bin, "nats-server"), "--addr", natsIP(i), "--port", "4222", "--cluster_name", "aim",
				"--cluster", fmt.Sprintf("nats://%s:6222", natsIP(i)), "--routes", strings.Join(routes, ","))
		}
		e.run(t, natsName(i))
		listens(t, ctx, natsIP(i)+":4222")
	}
	return e
}

func temporalIP(i int) string { return fmt.Sprintf("127.7.0.%d", i+1) }
func natsIP(i int) string     { return fmt.Sprintf("127.7.1.%d", i+1) }
func natsName(i int) string   { return fmt.Sprintf("nats-%d", i+1) }

// addresses are what aim is given: lists, of which the members may be away.
func (e *engines) addresses() []string {
	return []string{
		fmt.Sprintf("TEMPORAL_ADDRESS=%s:7233,%s:7233", temporalIP(0), temporalIP(1)), "TEMPORAL_NAMESPACE=fleet",
		fmt.Sprintf("NATS_URL=nats://%s:4222,nats://%s:4222,nats://%s:4222", natsIP(0), natsIP(1), natsIP(2)),
	}
}

// startPostgres makes a server with Temporal's databases.
func (e *engines) startPostgres(t *testing.T, ctx context.Context) (address string) {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		t.Fatal("no PostgreSQL server programs here; install the package postgresql")
	}
	data := filepath.Join(e.dir, "data")
	must(t, os.Mkdir(data, 0o700))
	as := func(program string, args ...string) *exec.Cmd {
		all := append([]string{filepath.Join(found[len(found)-1], program)}, args...)
		if os.Getuid() == 0 { // PostgreSQL refuses to run as root
			all = append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"}, all...)
		}
		cmd := exec.Command(all[0], all[1:]...)
		cmd.Dir = "/"
		return cmd
	}
	if os.Getuid() == 0 {
		carry(t, exec.Command("chown", "postgres:", data))
	}
	carry(t, as("initdb", "-D", data, "-U", "aim", "-A", "trust", "--no-sync", "--locale=C", "--encoding=UTF8"))
	const ip, port = "127.7.2.1", "5432"
	e.start["postgres"] = func() *exec.Cmd {
		return as("postgres", "-D", data, "-c", "listen_addresses="+ip, "-p", port, "-k", data, "-c", "fsync=off", "-c", "max_connections=300")
	}
	e.run(t, "postgres")
	listens(t, ctx, ip+":"+port)
	for database, schema := range map[string]string{"temporal": "postgresql/v12/temporal", "temporal_visibility": "postgresql/v12/visibility"} {
		for _, args := range [][]string{{"create"}, {"setup-schema", "--version", "0.0"}, {"update-schema", "--schema-name", schema}} {
			carry(t, exec.Command(filepath.Join(e.bin, "temporal-sql-tool"),
				append([]string{"--plugin", "postgres12", "--endpoint", ip, "--port", port, "--user", "aim", "--database", database}, args...)...))
		}
	}
	return ip + ":" + port
}

func (e *engines) run(t *testing.T, name string) {
	t.Helper()
	cmd := e.start[name]()
	log, err := os.OpenFile(filepath.Join(e.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	must(t, err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, cmd.Start())
	e.running[name] = cmd
}

// kill ends a process at once; run starts it again.
func (e *engines) kill(t *testing.T, name string) {
	t.Helper()
	cmd := e.running[name]
	signal := syscall.SIGKILL
	if name == "postgres" {
		signal = syscall.SIGQUIT // immediate shutdown: its children end with it
	}
	must(t, cmd.Process.Signal(signal))
	_ = cmd.Wait()
	delete(e.running, name)
}

func (e *engines) signal(t *testing.T, name string, s syscall.Signal) {
	t.Helper()
	must(t, e.running[name].Process.Signal(s))
}

func carry(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
}

func listens(t *testing.T, ctx context.Context, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := stack.Eventually(ctx, func() (bool, error) {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	})
	if err != nil {
		t.Fatalf("nobody listens at %s: %v", address, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

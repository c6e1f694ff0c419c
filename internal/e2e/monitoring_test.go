package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/internal/monitoring"
)

// Obligation: over a stack that serves, with the one scrape config of the docs, there
// is data behind every panel of every dashboard, and Prometheus takes every alert. A
// process that freezes is told to Alertmanager's webhook within seconds, and so is
// that it is well again.
func TestPanelsHaveDataAndAlertsArrive(t *testing.T) {
	ctx, s := scenario(t, 4*time.Minute)
	name := "watched"
	apply(t, ctx, s, named(name, "ttft=5ms;tpot=2ms"))
	where := awaitReady(t, ctx, s, name).Replicas[0].Node
	load(t, ctx, s, name)
	webhook := newWebhook(t)
	p := startPrometheus(t, "http://"+metricsAddress(t, s, stack.Control)+"/sd", startAlertmanager(t, webhook.url))
	// Panels of steps tell what has happened since the first scrape: one more deployment.
	must(t, stack.Eventually(ctx, func() (bool, error) {
		found, _ := p.query(ctx, `aim_step_duration_seconds_count{job="aim-node",node="`+where+`"} and on() aim_placement_duration_seconds_count`) // it may not listen yet
		return found > 0, nil
	}))
	second := named(name+"-too", "")
	second.Selector = map[string]string{"node": where}
	apply(t, ctx, s, second)
	awaitReady(t, ctx, s, second.Name)

	missing := map[string]string{}
	soon, enough := context.WithTimeout(ctx, 2*time.Minute)
	defer enough()
	err := stack.Eventually(soon, func() (bool, error) {
		clear(missing)
		for _, d := range monitoring.Dashboards() {
			for _, r := range d.Rows {
				for _, panel := range r.Panels {
					for _, q := range panel.Queries {
						if found, err := p.query(ctx, q.Ask(d.Variables)); err != nil || found == 0 {
							missing[d.UID+": "+r.Title+": "+panel.Title+": "+q.Expr] = fmt.Sprint(err)
						}
					}
				}
			}
		}
		return len(missing) == 0, nil
	})
	if err != nil {
		for panel, why := range missing {
			t.Errorf("no data: %s (%s)", panel, why)
		}
		t.FailNow()
	}
	p.checkRules(t, ctx)

	agent, err := s.Find(stack.NodeProcess("n2"))
	must(t, err)
	must(t, syscall.Kill(agent.PID, syscall.SIGSTOP))
	began := time.Now()
	t.Cleanup(func() { _ = syscall.Kill(agent.PID, syscall.SIGCONT) })
	webhook.await(t, ctx, "AimTargetDown", "firing")
	t.Logf("from the fault to the webhook: %s", time.Since(began).Round(10*time.Millisecond))
	must(t, syscall.Kill(agent.PID, syscall.SIGCONT))
	webhook.await(t, ctx, "AimTargetDown", "resolved")
}

// load asks the model by the gateway until the test ends.
func load(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	key := strings.TrimSpace(said(t, s.Aim(ctx, "key", "create", name)))
	c := gatewayClient{url: s.GatewayURL, key: key}
	awaitModels(t, ctx, c, servedName(name))
	ctx, stop := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		for ctx.Err() == nil {
			c.stream(ctx, servedName(name))
		}
	})
	t.Cleanup(func() {
		stop()
		asking.Wait()
		s.Aim(context.Background(), "key", "revoke", name)
	})
}

type prometheus struct{ url string }

// startPrometheus runs Debian's over the targets of an /sd, with the shipped alerts,
// of which none waits.
func startPrometheus(t *testing.T, sd, alertmanager string) prometheus {
	t.Helper()
	dir := t.TempDir()
	rules, err := os.ReadFile("../../deploy/prometheus/aim.rules.yml")
	must(t, err)
	rules = regexp.MustCompile(`(?m)^ +(for|keep_firing_for): .*\n`).ReplaceAll(rules, nil)
	must(t, os.WriteFile(filepath.Join(dir, "rules.yml"), rules, 0o644))
	config := fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
alerting:
  alertmanagers: [{static_configs: [{targets: [%q]}]}]
scrape_configs:
  - job_name: aim
    http_sd_configs: [{url: %q, refresh_interval: 1s}]
    sample_limit: 20000
    metric_relabel_configs: [{action: labeldrop, regex: exported_node}]
`, alertmanager, sd)
	must(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o644))
	address := freeAddress(t)
	runDaemon(t, "prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--web.console.libraries=", "--web.console.templates=")
	return prometheus{"http://" + address}
}

// query is how many series an expression has now.
func (p prometheus) query(ctx context.Context, expr string) (series int, err error) {
	var answer struct {
		Error string
		Data  struct{ Result []json.RawMessage }
	}
	if err := p.get(ctx, "/api/v1/query?query="+url.QueryEscape(expr), &answer); err != nil {
		return 0, err
	}
	if answer.Error != "" {
		return 0, fmt.Errorf("%s", answer.Error)
	}
	return len(answer.Data.Result), nil
}

func (p prometheus) get(ctx context.Context, path string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}

// checkRules asserts that every alert is evaluated without an error.
func (p prometheus) checkRules(t *testing.T, ctx context.Context) {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	must(t, p.get(ctx, "/api/v1/rules", &answer))
	rules := 0
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			rules++
			if r.Health != "ok" {
				t.Errorf("alert %s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if rules < 15 {
		t.Errorf("Prometheus has %d rules", rules)
	}
}

func startAlertmanager(t *testing.T, webhook string) (address string) {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`
route: {receiver: test, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: test, webhook_configs: [{url: %q, send_resolved: true}]}]
`, webhook)
	must(t, os.WriteFile(filepath.Join(dir, "alertmanager.yml"), []byte(config), 0o644))
	address = freeAddress(t)
	runDaemon(t, "prometheus-alertmanager", "--config.file="+filepath.Join(dir, "alertmanager.yml"), "--storage.path="+dir,
		"--web.listen-address="+address, "--cluster.listen-address=")
	return address
}

// runDaemon runs one of Debian's programs until the test ends. The test is skipped
// where it is not installed, unless AIM_REQUIRE_PROMETHEUS says that it must be.
func runDaemon(t *testing.T, program string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("AIM_REQUIRE_PROMETHEUS") != "" {
			t.Fatal(err)
		}
		t.Skipf("it needs %s (apt-get install prometheus prometheus-alertmanager)", program)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	must(t, err)
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s: %s", program, text)
		}
	})
}

// freeAddress is one that nobody listens at now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// webhook hears what Alertmanager sends.
type webhook struct {
	url  string
	told chan [2]string // name, status
}

func newWebhook(t *testing.T) webhook {
	w := webhook{told: make(chan [2]string, 1000)}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var sent struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		_ = json.NewDecoder(r.Body).Decode(&sent)
		for _, a := range sent.Alerts {
			w.told <- [2]string{a.Labels["alertname"], a.Status}
		}
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w webhook) await(t *testing.T, ctx context.Context, name, status string) {
	t.Helper()
	for {
		select {
		case got := <-w.told:
			if got == [2]string{name, status} {
				return
			}
		case <-ctx.Done():
			t.Fatalf("nothing told that %s is %s", name, status)
		}
	}
}

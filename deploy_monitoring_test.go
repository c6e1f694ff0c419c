package aim_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every alert has a severity, a test, and a page that tells what it means, where to look
// and what helps; every page is of an alert.
func TestAlertsHaveRunbooks(t *testing.T) {
	rules, tests := read(t, "deploy/prometheus/aim.rules.yml"), read(t, "deploy/prometheus/aim.rules.test.yml")
	var pages []string
	for _, rule := range strings.Split(rules, "- alert: ")[1:] {
		name, _, _ := strings.Cut(rule, "\n")
		pages = append(pages, filepath.Join("docs/runbooks", name+".md"))
		if !regexp.MustCompile(`severity: (page|ticket)\}`).MatchString(rule) || !strings.Contains(rule, "summary: '") ||
			!strings.Contains(rule, "/docs/runbooks/"+name+".md\n") {
			t.Errorf("alert %s has no severity, summary or runbook", name)
		}
		if !strings.Contains(tests, "docs/runbooks/"+name+".md") {
			t.Errorf("nothing tests that alert %s fires", name)
		}
		text, err := os.ReadFile(pages[len(pages)-1])
		if err != nil || !strings.HasPrefix(string(text), "# "+name+"\n") || !strings.Contains(string(text), "\n## Look\n") || !strings.Contains(string(text), "\n## What helps\n") {
			t.Errorf("the runbook of %s: %v\n%s", name, err, text)
		}
	}
	slices.Sort(pages)
	if have, _ := filepath.Glob("docs/runbooks/*"); !slices.Equal(have, pages) {
		t.Errorf("docs/runbooks holds %v, want %v", have, pages)
	}
}

// The commands of runbooks exist.
func TestRunbooksNameCommandsThatExist(t *testing.T) {
	manual := read(t, "docs/cli.md")
	found := 0
	pages, _ := filepath.Glob("docs/runbooks/*.md")
	for _, p := range append(pages, "docs/monitoring.md") {
		for _, m := range regexp.MustCompile("`aim ([a-z]+)( [a-z]+)?[^`]*`").FindAllStringSubmatch(read(t, p), -1) {
			found++
			if !strings.Contains(manual, "\n## aim "+m[1]+m[2]+"\n") && !strings.Contains(manual, "\n## aim "+m[1]+"\n") {
				t.Errorf("%s: there is no command aim %s%s", p, m[1], m[2])
			}
			for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(m[0], -1) {
				if !strings.Contains(manual, "`"+flag+"`") && !strings.Contains(manual, flag+" ") {
					t.Errorf("%s: %s: there is no flag %s", p, m[0], flag)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("%d commands were read", found)
	}
}

// The alerts do what their tests say, flapping included.
func TestAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("AIM_REQUIRE_PROMETHEUS") != "" {
			t.Fatal(err)
		}
		t.Skip("it needs promtool (apt-get install prometheus)")
	}
	for _, args := range [][]string{{"check", "rules", "aim.rules.yml"}, {"test", "rules", "aim.rules.test.yml"}, {"check", "config", "prometheus.yml"}} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = "deploy/prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

package monitoring

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the dashboards")

const folder = "../../deploy/grafana/dashboards"

// The files are what the program writes, and nothing else lies there.
func TestDashboardsAreWritten(t *testing.T) {
	var want []string
	for _, d := range Dashboards() {
		name := filepath.Join(folder, d.UID+".json")
		want = append(want, name)
		if *update {
			if err := os.WriteFile(name, d.JSON(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if text, err := os.ReadFile(name); err != nil || string(text) != string(d.JSON()) {
			t.Errorf("%s is not what the program says (%v): run go test ./internal/monitoring -update", name, err)
		}
	}
	slices.Sort(want)
	if have, _ := filepath.Glob(folder + "/*"); !slices.Equal(have, want) {
		t.Errorf("%s holds %v, want %v", folder, have, want)
	}
}

var variable = regexp.MustCompile(`\$\{?([a-z_]+)`)

// Grafana takes them: ids are unique, panels do not cover each other, every panel has a
// title, a help, a unit and questions for the chosen Prometheus, and every variable that
// a question names is there.
func TestDashboardsAreWhole(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range Dashboards() {
		if uids[d.UID] || len(d.UID) > 40 || !strings.HasPrefix(d.Title, "AIM Engine / ") {
			t.Errorf("dashboard %q, %q", d.UID, d.Title)
		}
		uids[d.UID] = true
		var page struct {
			Panels []struct {
				ID         int
				Type       string
				Datasource struct{ Type, UID string }
				GridPos    struct{ X, Y, W, H int }
				Targets    []struct {
					RefID      string
					Datasource struct{ UID string }
				}
			}
		}
		if err := json.Unmarshal(d.JSON(), &page); err != nil {
			t.Fatal(err)
		}
		ids, taken := map[int]bool{}, map[[2]int]int{}
		for _, p := range page.Panels {
			if ids[p.ID] {
				t.Errorf("%s: two panels have the id %d", d.UID, p.ID)
			}
			ids[p.ID] = true
			if p.Type != "row" && (len(p.Targets) == 0 || p.Datasource.Type != "prometheus" || p.Datasource.UID != source) {
				t.Errorf("%s: panel %d asks nobody", d.UID, p.ID)
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := taken[[2]int{x, y}]; other != 0 || x >= columns {
						t.Fatalf("%s: panel %d covers panel %d at %d,%d", d.UID, p.ID, other, x, y)
					}
					taken[[2]int{x, y}] = p.ID
				}
			}
		}
		for _, r := range d.Rows {
			titles := map[string]bool{}
			for _, p := range r.Panels {
				if titles[p.Title] || p.Title == "" || p.Help == "" || !slices.Contains([]Unit{Count, PerSecond, Seconds, Bytes, Fraction}, p.Unit) {
					t.Errorf("%s: panel %q of row %q: %+v", d.UID, p.Title, r.Title, p)
				}
				titles[p.Title] = true
				for _, q := range p.Queries {
					checkQuery(t, d, q)
				}
			}
		}
	}
}

func checkQuery(t *testing.T, d Dashboard, q Query) {
	for _, m := range variable.FindAllStringSubmatch(q.Expr, -1) {
		if m[1] != "__rate_interval" && !slices.ContainsFunc(d.Variables, func(v Variable) bool { return v.Name == m[1] }) {
			t.Errorf("%s: %s has no variable %s", d.UID, q.Expr, m[1])
		}
	}
	if ask := q.Ask(d.Variables); strings.Contains(ask, "$") {
		t.Errorf("%s: %s is not filled in", d.UID, ask)
	}
}

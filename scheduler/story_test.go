package scheduler

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/internal/fleettest"
	"github.com/aim-engine/aim/scheduler/preempt"
	"github.com/aim-engine/aim/scheduler/queue"
)

// go test ./scheduler -run Stories -rewrite  writes what the code answers into
// testdata; a person then reads the difference.
var rewrite = flag.Bool("rewrite", false, "rewrite the expected answers in testdata")

// TestStories runs testdata/*.txt. A story is a list of paragraphs:
//
//	# comment
//	verb key=value ...
//	input lines
//	----
//	expected answer
//
// Verbs: fleet (nodes drawn as text, see fleettest.Node; "node" adds or replaces some,
// "remove" forgets one), decide (the function Place), makeroom (MakeRoom), and on one Scheduler place,
// wait, turn, refused, cancel, where, snapshot, at (sets the time).
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := tell(t, string(data))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(data); got != want {
				t.Errorf("answers differ from %s:\n%s", file, firstDifference(got, want))
			}
		})
	}
}

// story is what a file has set up so far.
type story struct {
	t     *testing.T
	s     *Scheduler
	fleet aim.Fleet // as drawn
	now   time.Time
}

// tell returns the text with every answer replaced by the one given now.
func tell(t *testing.T, text string) string {
	st := &story{t: t, s: New(Options{}), now: time.Unix(0, 0)}
	var out []string
	for _, paragraph := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		question, _, asked := strings.Cut(paragraph, "\n----")
		if !asked {
			out = append(out, paragraph)
			st.run(paragraph)
			continue
		}
		out = append(out, question+"\n----\n"+st.run(question))
	}
	return strings.Join(out, "\n\n") + "\n"
}

// run carries out one paragraph and returns the answer without a final newline.
func (st *story) run(question string) string {
	var lines []string
	for _, line := range strings.Split(question, "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	verb, args := fleettest.Options(lines[0])
	switch verb {
	case "fleet":
		st.fleet = aim.Fleet{}
		st.s = New(Options{})
		st.apply(lines[1:])
	case "node":
		st.apply(lines[1:])
	case "remove":
		st.s.Remove(args["id"])
	case "at":
		d, err := time.ParseDuration(args["time"])
		if err != nil {
			st.t.Fatal(err)
		}
		st.now = time.Unix(0, 0).Add(d)
	case "decide":
		return show(Place(fleettest.Request(st.t, args), st.fleet), args["scores"] != "")
	case "makeroom":
		return st.makeRoom(args)
	case "place":
		return show(st.s.Place(fleettest.Request(st.t, args), st.now), false)
	case "wait":
		st.s.Wait(fleettest.Request(st.t, args))
	case "refused":
		r := fleettest.Request(st.t, args)
		st.s.Refused(&r, args["node"])
	case "cancel":
		r := fleettest.Request(st.t, args)
		st.s.Cancel(&r)
	case "turn":
		return showTurn(st.s.Turn(st.now))
	case "where":
		return showWhere(st.s.Waiting(args["token"]))
	case "snapshot":
		return showFleet(st.s.Snapshot())
	default:
		st.t.Fatalf("unknown verb %q", verb)
	}
	return ""
}

// makeRoom answers with the plan; spare says how many replicas of each deployment
// may stop (1 by default), <deployment>=<priority> what priority its replicas have.
func (st *story) makeRoom(args map[string]string) string {
	policy := preempt.Policy{Moves: fleettest.Number(st.t, args["moves"]), Preempt: args["preempt"] != ""}
	policy.Who = func(id aim.Identity) (preempt.Victim, bool) {
		r := aim.PlacementRequest{Deployment: id.Deployment, UID: id.UID, Token: id.Token, Priority: fleettest.Number(st.t, args[id.Deployment])}
		for _, n := range st.fleet.Nodes {
			for _, c := range n.Claims {
				if c.Token == id.Token {
					r.GPUs, r.ShareBytes = len(c.GPUs), c.ShareBytes
				}
			}
		}
		return preempt.Victim{Request: r, Minimum: fleettest.Number(st.t, args["minimum"]), Spare: fleettest.Number(st.t, fleettest.Or(args["spare"], "1"))}, true
	}
	plan, ok := MakeRoom(fleettest.Request(st.t, args), st.fleet, policy)
	if !ok {
		return strings.TrimSuffix("no plan: "+plan.Forbidden, ": ")
	}
	return plan.String()
}

func (st *story) apply(lines []string) {
	for _, line := range lines {
		n := fleettest.Node(st.t, line)
		st.fleet.Nodes = append(st.fleet.Nodes, n)
		st.s.Apply(n)
	}
}

func showTurn(granted []queue.Granted) string {
	if len(granted) == 0 {
		return "nobody"
	}
	var lines []string
	for _, g := range granted {
		for _, r := range g.Decision.Placement.Ranks {
			lines = append(lines, fmt.Sprintf("%s: %s %s", g.Request.Token, r.Node, strings.Join(r.GPUs, " ")))
		}
	}
	return strings.Join(lines, "\n")
}

func showWhere(w queue.Waiting, ok bool) string {
	if !ok {
		return "does not wait"
	}
	return fmt.Sprintf("%d of %d\n%s", w.Position, w.Of, show(w.Decision, false))
}

func showFleet(f aim.Fleet) string {
	var lines []string
	for _, n := range f.Nodes {
		line := n.ID
		for _, c := range n.Claims {
			line += fmt.Sprintf(" %s=%s", c.Deployment, strings.Join(c.GPUs, ","))
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			return fmt.Sprintf("line %d: missing %q", i+1, w[i])
		case i >= len(w):
			return fmt.Sprintf("line %d: unexpected %q", i+1, g[i])
		case g[i] != w[i]:
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
	return "(no difference)"
}

// show writes a decision line by line.
func show(d aim.Decision, scores bool) string {
	lines := []string{string(d.Outcome)}
	if d.Placement != nil {
		for _, r := range d.Placement.Ranks {
			lines = append(lines, "  "+strings.Join(append([]string{r.Node}, r.GPUs...), " "))
		}
		lines = append(lines, "why: "+d.Placement.Why)
	}
	for _, r := range d.Reasons {
		lines = append(lines, fmt.Sprintf("%s: %d %s (%s)", r.Rule, r.Count, r.Text, strings.Join(r.Nodes, " ")))
	}
	for _, c := range d.Cures {
		lines = append(lines, "cure: "+c)
	}
	if scores {
		for _, s := range d.Scores {
			line := fmt.Sprintf("score: %s %g", s.Node, s.Score)
			for _, term := range s.Terms {
				if term.Value != 0 {
					line += fmt.Sprintf(", %s %g", term.Name, term.Value)
				}
			}
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

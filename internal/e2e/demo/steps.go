package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/internal/simulator"
)

// demo carries what one step leaves for the next.
type demo struct {
	began time.Time
	bin   string
	dir   string
	stack *stack.Stack

	foreign   func() // ends the planted process
	endpoint  string
	server    int // pid of the first model server
	faults    int
	fallbacks int
}

const (
	model  = "Qwen/Qwen3-32B"
	name   = "qwen3-32b"
	second = "meta-llama/Llama-3.1-8B-Instruct"
	other  = "llama"
	large  = "deepseek-ai/DeepSeek-R1"
)

func (d *demo) say(format string, args ...any) {
	fmt.Printf("%5.1fs  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

func (d *demo) more(format string, args ...any) {
	fmt.Printf("        %s\n", fmt.Sprintf(format, args...))
}

// up starts everything on two simulated nodes, on one of which somebody else
// already uses a GPU.
func (d *demo) up(ctx context.Context) error {
	if err := d.plant(ctx); err != nil {
		return err
	}
	s, err := stack.Up(ctx, stack.Options{Bin: d.bin, Dir: d.dir, Simulate: "2x8"})
	if err != nil {
		return err
	}
	d.stack = s
	var fleet aim.Fleet
	total, busy := 0, []string{}
	err = stack.Eventually(ctx, func() (bool, error) {
		if fleet, err = s.Fleet(ctx); err != nil {
			return false, nil
		}
		total, busy = count(fleet)
		return total == 16 && len(busy) == 1, nil
	})
	if err != nil {
		return fmt.Errorf("want 16 GPUs with 1 in use by a stranger, see %d and %v: %w", total, busy, err)
	}
	if err := page(ctx, s.UIAddress); err != nil {
		return fmt.Errorf("the Temporal UI should answer: %w", err)
	}
	d.say("up: Temporal UI %s", s.UIAddress)
	d.more("16 GPUs seen on %d nodes, 15 offered; not offered: %s", len(fleet.Nodes), busy[0])
	return nil
}

// plant lets a process that is not ours hold a GPU of the first node.
func (d *demo) plant(ctx context.Context) error {
	tree, err := simulator.CreateTree(d.dir+"/simulated/n1/tree", "n1", 8)
	if err != nil {
		return err
	}
	hold, err := tree.Hold("python3 train.py", tree.GPUs()[:1], 64<<30)
	if err != nil {
		return err
	}
	d.foreign = func() { _ = hold.Release() }
	return nil
}

func count(f aim.Fleet) (total int, busy []string) {
	for _, n := range f.Nodes {
		for _, g := range n.GPUs {
			total++
			if state, why := n.StateOf(g); state == aim.GPUBusy {
				busy = append(busy, fmt.Sprintf("%s %s: in use by %s", n.ID, g.PCI, why))
			}
		}
	}
	return total, busy
}

// plan shows what a deployment would be before it is one.
func (d *demo) plan(ctx context.Context) error {
	r := d.stack.Aim(ctx, "plan", model)
	if r.Code != 0 {
		return fmt.Errorf("aim plan %s ended with %d: %s", model, r.Code, r.Err)
	}
	for _, want := range []string{"\nrecipe ", "\nmemory ", "weights ", "kv_per_token ", "\nimage ", "\nplace "} {
		if !strings.Contains(r.Out, want) {
			return fmt.Errorf("the plan should tell its %s: %s", strings.TrimSpace(want), r.Out)
		}
	}
	d.say("aim plan %s:", model)
	shown, _, _ := strings.Cut(r.Out, "\nif it fails ")
	for line := range strings.Lines(shown) {
		d.more("  %s", strings.TrimRight(line, "\n"))
	}
	return nil
}

// deploy makes the first rung run out of memory; the next one that changes
// something about memory serves.
func (d *demo) deploy(ctx context.Context) error {
	d.faults++
	r := d.stack.Aim(ctx, "deploy", model, "--env", "AIM_SIMULATE=oom@first=1;ready=300ms")
	if r.Code != 0 {
		return fmt.Errorf("aim deploy %s ended with %d: %s", model, r.Code, r.Err)
	}
	status, err := d.stack.Status(ctx, name)
	if err != nil {
		return err
	}
	replica := status.Replicas[0]
	switch {
	case len(replica.Tries) != 1 || replica.Tries[0].Class != aim.ClassOOM || replica.Tries[0].Rung != 1:
		return fmt.Errorf("the first rung should have run out of memory once: %+v", replica.Tries)
	case replica.Phase != aim.Ready || replica.Attempt != 2 || replica.Rung < 2:
		return fmt.Errorf("a lower rung should serve: %+v", replica)
	}
	d.fallbacks++
	try := replica.Tries[0]
	d.say("aim deploy %s: ready in %.1f s, on the second rung tried", model, r.Took.Seconds())
	d.more("attempt 1, rung 1 (%s) on %s failed, class %s: %s", try.Recipe, try.Node, try.Class, try.Why)
	d.more("attempt 2, rung %d (%s) on %s: ready%s", replica.Rung, replica.Recipe, replica.Node, loses(replica))
	d.more("placed: %s", replica.Placed)
	d.endpoint = strings.TrimSpace(r.Out)
	return d.oneServer(ctx, name)
}

func loses(r aim.ReplicaStatus) string {
	if r.Loses == "" {
		return ""
	}
	return "; it costs: " + r.Loses
}

// oneServer asserts that the deployment has one server, with exactly the claim
// and the memory of its GPUs.
func (d *demo) oneServer(ctx context.Context, deployment string) error {
	status, err := d.stack.Status(ctx, deployment)
	if err != nil {
		return err
	}
	claims, err := d.stack.Claims()
	if err != nil {
		return err
	}
	claims = slices.DeleteFunc(claims, func(c aim.Claim) bool { return c.Deployment != deployment })
	if len(claims) != 1 || !slices.Equal(claims[0].GPUs, status.Replicas[0].GPUs) {
		return fmt.Errorf("%s should hold exactly %v; the ledgers say %+v", deployment, status.Replicas[0].GPUs, claims)
	}
	servers, err := d.stack.Servers()
	if err != nil {
		return err
	}
	servers = slices.DeleteFunc(servers, func(p stack.Process) bool { return !slices.Contains(p.Args, status.Replicas[0].Serves) })
	if len(servers) != 1 {
		return fmt.Errorf("%s should have one server, has %d", deployment, len(servers))
	}
	d.server = servers[0].PID
	return nil
}

// ask puts one question to the model.
func (d *demo) ask(ctx context.Context) error {
	text, err := complete(ctx, d.endpoint, model)
	if err != nil {
		return err
	}
	d.say("endpoint %s", d.endpoint)
	d.more("asked %q, it answered %q", question, text)
	return nil
}

// killNode kills the agent under traffic. The server serves on, and the agent
// that comes back finds it.
func (d *demo) killNode(ctx context.Context) error {
	status, err := d.stack.Status(ctx, name)
	if err != nil {
		return err
	}
	node, before := status.Replicas[0].Node, d.server
	traffic := startTraffic(ctx, d.endpoint, model)
	if err := d.stack.Kill(ctx, stack.NodeProcess(node)); err != nil {
		return err
	}
	d.faults++
	killed := time.Now()
	if err := d.awaitAdopted(ctx, node); err != nil {
		return err
	}
	back := time.Since(killed)
	asked, failed := traffic.stop()
	switch {
	case failed != nil:
		return fmt.Errorf("a request failed while the agent was away: %w", failed)
	case asked < 10:
		return fmt.Errorf("only %d requests were made while the agent was away", asked)
	}
	if err := d.oneServer(ctx, name); err != nil {
		return err
	}
	if d.server != before {
		return fmt.Errorf("server %d was replaced by %d", before, d.server)
	}
	d.say("kill -9 of the agent of %s under traffic: %d of %d requests answered", node, asked, asked)
	d.more("the agent was back after %.1f s and found its server (same process %d)", back.Seconds(), before)
	return nil
}

// awaitAdopted waits until a new agent of the node advertises the server.
func (d *demo) awaitAdopted(ctx context.Context, node string) error {
	first, err := d.stack.Fleet(ctx)
	if err != nil {
		return err
	}
	old, _ := first.Find(node)
	return stack.Eventually(ctx, func() (bool, error) {
		fleet, err := d.stack.Fleet(ctx)
		if err != nil {
			return false, nil
		}
		now, ok := fleet.Find(node)
		return ok && now.Epoch > old.Epoch && now.Liveness == aim.Alive && len(now.Endpoints) == 1 && now.Endpoints[0].Healthy, nil
	})
}

// killControl kills control while a second deployment is being proved.
func (d *demo) killControl(ctx context.Context) error {
	spec := aim.DeploymentSpec{Model: second, Name: other, Env: map[string]string{"AIM_SIMULATE": "ready=2s"}}
	if err := d.stack.Apply(ctx, spec); err != nil {
		return err
	}
	if _, err := d.stack.AwaitStatus(ctx, other, func(s aim.Status) bool {
		return len(s.Replicas) == 1 && s.Replicas[0].Phase == aim.Proving
	}); err != nil {
		return err
	}
	if err := d.stack.Kill(ctx, stack.Control); err != nil {
		return err
	}
	d.faults++
	killed := time.Now()
	status, err := d.stack.AwaitPhase(ctx, other, aim.Ready)
	if err != nil {
		return err
	}
	if err := d.oneServer(ctx, other); err != nil {
		return err
	}
	if r := status.Replicas[0]; r.Attempt != 1 || len(r.Tries) != 0 {
		return fmt.Errorf("it should have gone on with its first attempt: %+v", r)
	}
	d.say("kill -9 of control while %s was being proved", second)
	d.more("it went on at its step: ready %.1f s later, attempt 1, one server", time.Since(killed).Seconds())
	return nil
}

// tooLarge asks for what does not fit, and is told why and what would help.
func (d *demo) tooLarge(ctx context.Context) error {
	r := d.stack.Aim(ctx, "plan", large, "--replicas", "2", "-o", "json")
	if r.Code != 3 {
		return fmt.Errorf("aim plan %s should end with 3 (no capacity), ended with %d: %s", large, r.Code, r.Err)
	}
	text := d.stack.Aim(ctx, "plan", large, "--replicas", "2")
	var answer struct {
		Placements []aim.Decision `json:"placements"`
	}
	if err := json.Unmarshal([]byte(r.Out), &answer); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	if len(answer.Placements) != 2 || answer.Placements[0].Outcome != aim.Place {
		return fmt.Errorf("the first replica should fit and the second be decided about: %s", text.Out)
	}
	decision := answer.Placements[1]
	if decision.Outcome == aim.Place || len(decision.Reasons) == 0 || len(decision.Cures) == 0 {
		return fmt.Errorf("the plan should give reasons and cures: %s", text.Out)
	}
	d.say("aim plan %s --replicas 2: the second does not fit", large)
	d.more("why: %s", reasons(decision))
	d.more("cure: %s", decision.Cures[0])
	return nil
}

func reasons(d aim.Decision) string {
	var all []string
	for _, r := range d.Reasons {
		all = append(all, fmt.Sprintf("%s: %s", strings.Join(r.Nodes, ", "), r.Text))
	}
	return strings.Join(all, "; ")
}

// stopAll ends both deployments; nothing may be left.
func (d *demo) stopAll(ctx context.Context) error {
	for _, n := range []string{name, other} {
		if r := d.stack.Aim(ctx, "stop", n); r.Code != 0 {
			return fmt.Errorf("aim stop %s ended with %d: %s", n, r.Code, r.Err)
		}
	}
	servers, err := d.stack.Servers()
	if err != nil {
		return err
	}
	claims, err := d.stack.Claims()
	if err != nil {
		return err
	}
	used, err := d.stack.UsedGPUs()
	if err != nil {
		return err
	}
	if len(servers) > 0 || len(claims) > 0 || used != 1 {
		return fmt.Errorf("after the stop: %d servers, %d claims, %d GPUs in use (1 by the stranger)", len(servers), len(claims), used)
	}
	d.say("aim stop %s %s: no server, no claim, 15 GPUs free again", name, other)
	return nil
}

func (d *demo) summary(context.Context) error {
	took := time.Since(d.began)
	fmt.Printf("\n%.1f s; faults injected %d; fallbacks %d; leaked GPUs 0; duplicate servers 0\n", took.Seconds(), d.faults, d.fallbacks)
	fmt.Printf("on a machine with AMD Instinct GPUs and Docker:  make up   then   bin/aim deploy %s\n", model)
	if took > limit {
		return fmt.Errorf("it took %.1f s, more than %.0f", took.Seconds(), limit.Seconds())
	}
	return nil
}

func (d *demo) end(ctx context.Context) {
	if d.foreign != nil {
		d.foreign()
	}
	if d.stack != nil {
		_ = d.stack.Down(ctx)
	}
}

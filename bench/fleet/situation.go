package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/control"
)

// situation is a random fleet with those who hold and wait there, under the queue of
// a leading control, and a spec that somebody deploys.
type situation struct {
	rnd    *rand.Rand
	placer *control.Placer
	nodes  map[string]aim.FleetNode
	waits  map[string]*waiter // by token

	spec    aim.DeploymentSpec
	ladder  aim.Ladder
	running *aim.Status // what the spec changes; nil for a new deployment
}

const gib = 1 << 30

func newSituation(seed uint64) *situation {
	settled := make(chan struct{})
	close(settled)
	s := &situation{
		rnd: rand.New(rand.NewPCG(seed, 1)), placer: control.NewPlacer(settled),
		nodes: map[string]aim.FleetNode{}, waits: map[string]*waiter{},
	}
	for i := range 1 + s.rnd.IntN(4) {
		s.set(s.node(fmt.Sprintf("n%d", i+1)))
	}
	if s.rnd.IntN(2) == 0 {
		for i := range 1 + s.rnd.IntN(3) {
			s.queue(s.request(fmt.Sprintf("w%d", i), s.one(1, 2, 4, 8), int64(i+1)))
		}
	}
	s.wish()
	return s
}

// one is any of them.
func (s *situation) one(all ...int) int { return all[s.rnd.IntN(len(all))] }

func (s *situation) set(n aim.FleetNode) {
	s.nodes[n.ID] = n
	s.placer.Update([]aim.FleetNode{n}, nil)
}

// node is eight GPUs, of which deployments hold some, and some are not to be had.
func (s *situation) node(id string) aim.FleetNode {
	n := aim.FleetNode{Liveness: aim.Alive}
	n.ID, n.Runtimes, n.DiskFree = id, []string{"docker"}, 1<<50
	n.Labels = map[string]string{"zone": []string{"a", "b"}[s.rnd.IntN(2)]}
	if s.rnd.IntN(8) == 0 {
		n.Cordon = "a fan is replaced"
	}
	if s.rnd.IntN(12) == 0 {
		n.Liveness = aim.Away
	}
	full := s.rnd.IntN(10)
	for g := 0; g < 8; {
		span := min(s.one(1, 1, 2, 4, 8), 8-g)
		who := ""
		if s.rnd.IntN(10) < full {
			who = fmt.Sprintf("d%d", s.rnd.IntN(4))
		}
		c := aim.Claim{Identity: aim.Identity{Deployment: who, UID: "uid-" + who, Attempt: 1, Token: fmt.Sprintf("%s-%s-%d", who, id, g)}}
		for ; span > 0; span, g = span-1, g+1 {
			vram, minor, numa := uint64(192*gib), 128+g, g/4
			gpu := aim.GPU{
				ID: fmt.Sprintf("%s-g%d", id, g), UUID: fmt.Sprintf("%s-g%d", id, g), PCI: fmt.Sprintf("0000:%02x:00.0", g), Type: "MI300X",
				Partitions: 1, VRAMBytes: &vram, RenderMinor: &minor, CPUNode: &numa, Health: aim.HealthOK,
			}
			if who == "" && s.rnd.IntN(12) == 0 {
				s.spoil(&gpu)
			}
			n.GPUs = append(n.GPUs, gpu)
			c.GPUs = append(c.GPUs, gpu.ID)
		}
		if who != "" {
			c.Ordinal = s.replicasOf(who, n)
			n.Claims = append(n.Claims, c)
		}
	}
	return n
}

func (s *situation) spoil(g *aim.GPU) {
	switch s.rnd.IntN(3) {
	case 0:
		g.Busy = &aim.Busy{Who: "process 41 (python3)", Bytes: gib}
	case 1:
		g.Health, g.HealthReason = aim.HealthQuarantined, "memory stayed in use"
	default:
		g.Health, g.HealthReason = aim.HealthUnhealthy, "it does not answer"
	}
}

// replicasOf counts the claims of a deployment: its next replica has that number.
func (s *situation) replicasOf(name string, more aim.FleetNode) (n int) {
	for _, node := range append(slices.Collect(maps.Values(s.nodes)), more) {
		for _, c := range node.Claims {
			if c.Deployment == name {
				n++
			}
		}
	}
	return n
}

func (s *situation) request(name string, gpus int, asked int64) aim.PlacementRequest {
	return aim.PlacementRequest{Deployment: name, UID: "uid-" + name, Token: "t-" + name, GPUs: gpus, Nodes: 1, GPUType: "MI300X", AskedAt: asked, Priority: s.one(0, 0, 0, 5)}
}

// queue lets a request wait, unless it has a place.
func (s *situation) queue(r aim.PlacementRequest) {
	d := s.placer.Place(r)
	switch d.Outcome {
	case aim.Place:
		s.claim(r, d)
	case aim.Wait:
		s.wait(r)
	}
}

// claim writes a placement down on its node, as the agent would.
func (s *situation) claim(r aim.PlacementRequest, d aim.Decision) {
	for _, rank := range d.Placement.Ranks {
		n := s.nodes[rank.Node]
		n.Claims = append(slices.Clone(n.Claims), aim.Claim{
			Identity: aim.Identity{Deployment: r.Deployment, UID: r.UID, Ordinal: r.Ordinal, Attempt: 2, Token: r.Token}, GPUs: rank.GPUs,
		})
		s.set(n)
	}
	s.settle()
}

// settle lets those claim what they were given who have had their turn.
func (s *situation) settle() {
	for again := true; again; {
		again = false
		for _, token := range slices.Sorted(maps.Keys(s.waits)) {
			if w, still := s.waits[token]; still && s.holds(token) {
				<-w.done
				delete(s.waits, token)
				s.claim(w.request, w.decision)
				again = true
			}
		}
	}
}

// waiter is a request in the queue, as its replica's step puts it there.
type waiter struct {
	request  aim.PlacementRequest
	decision aim.Decision // once done
	cancel   context.CancelFunc
	done     chan struct{} // closed once it has had its turn, or has left
}

func (s *situation) wait(r aim.PlacementRequest) {
	ctx, cancel := context.WithCancel(context.Background())
	w := &waiter{request: r, cancel: cancel, done: make(chan struct{})}
	joined := make(chan struct{}, 1)
	go func() {
		defer close(w.done)
		w.decision, _ = s.placer.Await(ctx, activities.PlaceRequest{PlacementRequest: r}, func(string) {
			select {
			case joined <- struct{}{}:
			default:
			}
		})
	}()
	select {
	case <-joined:
	case <-w.done:
	}
	s.waits[r.Token] = w
	s.settle()
}

// end lets everybody leave the queue.
func (s *situation) end() {
	for _, w := range s.waits {
		w.cancel()
		<-w.done
	}
}

// holds tells whether a request has had its turn.
func (s *situation) holds(token string) bool {
	for _, n := range s.placer.Fleet().Nodes {
		if slices.ContainsFunc(n.Claims, func(c aim.Claim) bool { return c.Token == token }) {
			return true
		}
	}
	return false
}

// wish is what somebody deploys: a new deployment, or a change of one that runs.
func (s *situation) wish() {
	gpus := s.one(1, 1, 2, 4, 8, 8)
	if s.rnd.IntN(10) < 3 {
		gpus = 16 // no node can ever have them
	}
	s.spec = aim.DeploymentSpec{Model: "m/m", Name: "new", Replicas: 1 + s.rnd.IntN(2), Priority: s.one(0, 0, 0, 5)}
	if s.rnd.IntN(6) == 0 {
		s.spec.Selector = map[string]string{"zone": "a"}
	}
	if s.rnd.IntN(3) == 0 {
		s.change()
		if s.running != nil && s.rnd.IntN(2) > 0 {
			gpus = s.held()
		}
	}
	s.ladder = aim.Ladder{Rungs: []aim.Rung{{Number: 1, Recipe: "first", GPUs: gpus, Nodes: 1, GPUType: "MI300X"}}}
	if s.rnd.IntN(3) == 0 {
		s.ladder.Rungs = append(s.ladder.Rungs, aim.Rung{Number: 2, Recipe: "second", GPUs: max(gpus/2, 1), Nodes: 1, GPUType: "MI300X"})
	}
}

// change makes the wish a change of a deployment that holds something.
func (s *situation) change() {
	name := ""
	for _, id := range slices.Sorted(maps.Keys(s.nodes)) {
		for _, c := range s.nodes[id].Claims {
			name = c.Deployment
		}
	}
	if name == "" {
		return
	}
	st := aim.Status{Name: name, UID: "uid-" + name, Phase: aim.Ready}
	for _, id := range slices.Sorted(maps.Keys(s.nodes)) {
		for _, c := range s.nodes[id].Claims {
			if c.Deployment == name {
				st.Replicas = append(st.Replicas, aim.ReplicaStatus{Ordinal: c.Ordinal, Phase: aim.Ready, Node: id, Attempt: 1})
			}
		}
	}
	slices.SortFunc(st.Replicas, func(a, b aim.ReplicaStatus) int { return a.Ordinal - b.Ordinal })
	st.Spec = aim.DeploymentSpec{Model: "m/m", Name: name, Replicas: len(st.Replicas)}
	s.running = &st
	s.spec.Name, s.spec.Replicas, s.spec.MaxModelLen = name, len(st.Replicas)+s.one(0, 0, 0, 1), 16384
	s.spec.MinAvailable = s.one(0, 0, min(1, s.spec.Replicas))
}

// held is how many GPUs the first replica of the deployment that is changed has.
func (s *situation) held() int {
	for _, n := range s.nodes {
		for _, c := range n.Claims {
			if c.Deployment == s.running.Name && c.Ordinal == s.running.Replicas[0].Ordinal {
				return len(c.GPUs)
			}
		}
	}
	return 1
}

// leave ends what a deployment holds and waits for, or what one replica of it holds.
func (s *situation) leave(name string, ordinal int) {
	for token, w := range s.waits {
		if w.request.Deployment == name && ordinal < 0 {
			w.cancel()
			<-w.done
			delete(s.waits, token)
		}
	}
	for id, n := range s.nodes {
		n.Claims = slices.DeleteFunc(slices.Clone(n.Claims), func(c aim.Claim) bool {
			return c.Deployment == name && (ordinal < 0 || c.Ordinal == ordinal)
		})
		if len(n.Claims) != len(s.nodes[id].Claims) {
			s.set(n)
		}
	}
	s.settle()
}

func (s *situation) now() int64 { return time.Now().UnixMilli() }

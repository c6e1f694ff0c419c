package replay

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler"
	"github.com/aim-engine/aim/scheduler/preempt"
)

// Ours is the scheduler of this project, through its public methods.
func Ours() Policy {
	return Policy{Name: "ours", Ours: true, New: func(machines []Machine, _ []Task, _ int64) Fleet {
		return newOurs(machines, 0)
	}}
}

// OursMoving is the same, allowed to move so many placed tasks to other machines
// for each that does not fit.
func OursMoving(moves int) Policy {
	return Policy{Name: fmt.Sprintf("ours-%d-moves", moves), Ours: true, New: func(machines []Machine, _ []Task, _ int64) Fleet {
		return newOurs(machines, moves)
	}}
}

type ours struct {
	s      *scheduler.Scheduler
	now    time.Time
	policy preempt.Policy
	placed map[string]aim.PlacementRequest // by token; those that may be moved
	moved  int
}

// mib is the unit of a trace's memory. A thousandth of a GPU stands as 1 MiB of
// its memory.
const mib = 1 << 20

// newOurs names the machines by rank, so that the scheduler breaks ties as the
// protocol wants it: by name.
func newOurs(machines []Machine, moves int) *ours {
	o := &ours{
		// Nothing claims what is proposed here, so it stays assumed to the end.
		s:      scheduler.New(scheduler.Options{AssumeFor: 24 * time.Hour}),
		now:    time.Unix(0, 0),
		placed: map[string]aim.PlacementRequest{},
	}
	o.policy = preempt.Policy{Moves: moves, Who: o.who}
	for rank, m := range machines {
		o.s.Apply(node(rank, m))
	}
	return o
}

func node(rank int, m Machine) aim.FleetNode {
	n := aim.FleetNode{Liveness: aim.Alive}
	n.ID, n.Runtimes, n.Shares = fmt.Sprintf("n%05d", rank), []string{"docker"}, true
	n.CPUs, n.HostBytes, n.HostFree = m.CPUs, uint64(m.MemoryMiB)*mib, uint64(m.MemoryMiB)*mib
	for i := range m.GPUs {
		minor, vram := i, uint64(aim.ShareMargin+milli*mib)
		n.GPUs = append(n.GPUs, aim.GPU{
			ID: fmt.Sprintf("%s-%d", n.ID, i), PCI: fmt.Sprintf("0000:%02x:00.0", i), Type: m.Model, Partitions: 1,
			Health: aim.HealthOK, Hive: "h", RenderMinor: &minor, VRAMBytes: &vram,
		})
	}
	return n
}

// request is the task in the scheduler's words.
func request(id int, t Task) aim.PlacementRequest {
	r := named(id)
	r.Nodes, r.CPUs, r.HostBytes, r.GPUs = 1, t.CPUs, uint64(t.MemoryMiB)*mib, t.GPUs
	if t.shared() {
		r.GPUs, r.ShareBytes = 0, uint64(t.Milli)*mib
	}
	if t.Models != "" && t.GPUs > 0 {
		r.GPUTypes = strings.Split(t.Models, "|")
	}
	return r
}

// named is the name of a task's request.
func named(id int) aim.PlacementRequest {
	name := strconv.Itoa(id)
	return aim.PlacementRequest{Deployment: name, UID: name, Token: name}
}

func (o *ours) Place(id int, t Task) bool {
	r := request(id, t)
	placed := o.place(r)
	if !placed && o.policy.Moves > 0 {
		placed = o.makeRoom(r)
	}
	return placed
}

func (o *ours) place(r aim.PlacementRequest) bool {
	if o.s.Propose(r, o.now).Outcome != aim.Place {
		return false
	}
	if o.policy.Moves > 0 {
		o.placed[r.Token] = r
	}
	return true
}

// makeRoom carries out a plan of moves for the request, if there is one.
func (o *ours) makeRoom(r aim.PlacementRequest) bool {
	plan, ok := o.s.MakeRoom(r, o.policy)
	if !ok {
		return false
	}
	for _, step := range plan.Steps {
		victim := o.placed[step.Replica.Token]
		o.s.Cancel(&victim)
		victim.Avoid = map[string]string{plan.Node: "it makes room there"}
		if !o.place(victim) {
			panic(fmt.Sprintf("the plan %q does not hold: %s has no place", plan, victim.Deployment))
		}
		o.moved++
	}
	return o.place(r)
}

// who knows every placed task. None may be stopped.
func (o *ours) who(id aim.Identity) (preempt.Victim, bool) {
	r, known := o.placed[id.Token]
	return preempt.Victim{Request: r}, known
}

func (o *ours) Remove(id int) {
	r := named(id)
	delete(o.placed, r.Token)
	o.s.Cancel(&r)
}

// Moves is how many placed tasks were moved so far.
func (o *ours) Moves() int { return o.moved }

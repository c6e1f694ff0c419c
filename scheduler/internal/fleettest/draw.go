package fleettest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

// Node reads a node drawn as text:
//
//	n1 MI300X aab.|..q. cordon=upgrade label.zone=a
//
// One character a GPU, "|" between NUMA nodes, "[" and "]" around the partitions
// of one board:
//
//	.        free                     a..p     claimed by that deployment's replica 0
//	q u x ?  quarantined, unhealthy,  A..P     the same, its server is stopping
//	         a stranger's, not readable
//
// Keys: shares=yes, share.<deployment>=<GiB> (its claims are shares), live, cordon ("_" is a blank), label.<key>, cpus, claimcpus, host, hostfree,
// claimhost, disk, vram (GiB), mode (CPX/NPS4), xgmi (none, halves), model,
// image, runtime.
func Node(t testing.TB, line string) aim.FleetNode {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		t.Fatalf("a node is drawn as: id type gpus key=value..., not %q", line)
	}
	_, args := Options(strings.Join(fields[2:], " "))
	n := aim.FleetNode{Liveness: aim.Liveness(Or(args["live"], string(aim.Alive)))}
	n.ID, n.Cordon = fields[0], strings.ReplaceAll(args["cordon"], "_", " ")
	n.Runtimes = strings.Split(Or(args["runtime"], "docker"), ",")
	n.CPUs, n.ClaimCPUs = Number(t, args["cpus"]), Number(t, args["claimcpus"])
	n.HostBytes, n.HostFree, n.ClaimBytes = GiB(t, args["host"]), GiB(t, args["hostfree"]), GiB(t, args["claimhost"])
	n.DiskFree = GiB(t, Or(args["disk"], "1000"))
	n.Shares = args["shares"] != ""
	n.Labels = map[string]string{}
	for k, v := range args {
		if key, ok := strings.CutPrefix(k, "label."); ok {
			n.Labels[key] = v
		}
	}
	if args["model"] != "" {
		n.Models = []string{args["model"]}
	}
	if args["image"] != "" {
		n.Images = []string{args["image"]}
	}
	d := drawing{t: t, node: &n, gpuType: fields[1], vram: GiB(t, Or(args["vram"], "192"))}
	d.compute, d.memory, _ = strings.Cut(Or(args["mode"], "SPX/NPS1"), "/")
	if fields[2] != "-" { // a node without GPUs
		d.draw(fields[2])
	}
	d.link(args["xgmi"])
	for i := range n.Claims {
		n.Claims[i].ShareBytes = GiB(t, args["share."+n.Claims[i].Deployment])
	}
	return n
}

type drawing struct {
	t               testing.TB
	node            *aim.FleetNode
	gpuType         string
	vram            uint64
	compute, memory string
	board, numa     int
	inBoard         bool
	part            int
}

func (d *drawing) draw(gpus string) {
	for _, c := range gpus {
		switch c {
		case '|':
			d.numa++
		case '[':
			d.inBoard, d.part = true, 0
		case ']':
			d.inBoard = false
			d.board++
		default:
			d.gpu(c)
		}
	}
	for i := range d.node.GPUs { // partitions of a board are known at its end
		g := &d.node.GPUs[i]
		for _, o := range d.node.GPUs {
			if o.UUID == g.UUID {
				g.Partitions = max(g.Partitions, o.Partition+1)
			}
		}
	}
}

// gpu adds the GPU that the character stands for. Ids are short, g<board> and
// g<board>.<partition>, so that a person can read the answers.
func (d *drawing) gpu(c rune) {
	numa, render, vram := d.numa, 128+len(d.node.GPUs), d.vram
	g := aim.GPU{
		ID: fmt.Sprintf("g%d", d.board), UUID: fmt.Sprintf("u%d", d.board), PCI: fmt.Sprintf("0000:%02x:00.0", d.board),
		Type: d.gpuType, CPUNode: &numa, RenderMinor: &render, VRAMBytes: &vram, Health: aim.HealthOK,
		ComputeMode: d.compute, MemoryMode: d.memory, Partitions: 1,
	}
	if d.inBoard {
		g.ID, g.Partition = fmt.Sprintf("g%d.%d", d.board, d.part), d.part
		d.part++
	} else {
		d.board++
	}
	switch {
	case c == 'q':
		g.Health, g.HealthReason = aim.HealthQuarantined, "memory stayed in use"
	case c == 'u':
		g.Health, g.HealthReason = aim.HealthUnhealthy, "uncorrectable memory errors"
	case c == 'x':
		g.Busy = &aim.Busy{Who: "process 41 (python3)", Bytes: 1 << 30}
	case c == '?':
		g.VRAMBytes = nil
	case c >= 'a' && c <= 'p':
		d.claim(string(c), g.ID, false)
	case c >= 'A' && c <= 'P':
		d.claim(strings.ToLower(string(c)), g.ID, true)
	case c != '.':
		d.t.Fatalf("GPU drawn as %q", c)
	}
	d.node.GPUs = append(d.node.GPUs, g)
}

func (d *drawing) claim(deployment, gpu string, stopping bool) {
	for i := range d.node.Claims {
		if c := &d.node.Claims[i]; c.Deployment == deployment {
			c.GPUs = append(c.GPUs, gpu)
			return
		}
	}
	d.node.Claims = append(d.node.Claims, aim.Claim{
		Identity: aim.Identity{Deployment: deployment, UID: "uid-" + deployment, Attempt: 1, Token: "t-" + deployment},
		GPUs:     []string{gpu}, Stopping: stopping,
	})
}

// link joins the boards by xGMI: all of them, none, or only those within each
// half (xgmi=halves, as where a hive has four GPUs).
func (d *drawing) link(how string) {
	half := func(i int) int { return i * 2 / max(len(d.node.GPUs), 1) }
	for i := range d.node.GPUs {
		for j := range d.node.GPUs {
			a, b := &d.node.GPUs[i], &d.node.GPUs[j]
			if i == j || how == "none" || (how == "halves" && half(i) != half(j)) {
				continue
			}
			a.Peers = append(a.Peers, aim.Peer{ID: b.ID, Weight: 15})
		}
	}
}

// Or is s, or otherwise where s is empty.
func Or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Options splits "verb k=v k=v".
func Options(line string) (verb string, args map[string]string) {
	fields := strings.Fields(line)
	args = map[string]string{}
	for _, f := range fields[1:] {
		k, v, _ := strings.Cut(f, "=")
		args[k] = v
	}
	return fields[0], args
}

// Number reads a whole number; "" is 0.
func Number(t testing.TB, s string) int {
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// GiB reads a size in GiB.
func GiB(t testing.TB, s string) uint64 { return uint64(Number(t, s)) << 30 }

// Request reads a request: deployment=a (its token, unless one is given, is
// "t-a"), sizes in GiB, label.<key>=<value>, avoid.<node>=<why>.
func Request(t testing.TB, args map[string]string) aim.PlacementRequest {
	name := args["deployment"]
	if name == "" {
		name = "new"
	}
	token := args["token"]
	if token == "" {
		token = "t-" + name + args["ordinal"]
	}
	r := aim.PlacementRequest{
		Deployment: name, UID: "uid-" + name, Ordinal: Number(t, args["ordinal"]), Token: token,
		GPUs: Number(t, args["gpus"]), Nodes: Number(t, args["nodes"]), GPUType: args["type"],
		ShareBytes: GiB(t, args["share"]),
		VRAMBytes:  GiB(t, args["vram"]), CPUs: Number(t, args["cpus"]), HostBytes: GiB(t, args["host"]),
		DiskBytes: GiB(t, args["disk"]), Priority: Number(t, args["priority"]), AskedAt: int64(Number(t, args["asked"])),
		Image: args["image"], Model: args["model"], Runtime: args["runtime"], Succeeds: args["succeeds"],
		Selector: map[string]string{}, Avoid: map[string]string{},
	}
	if args["types"] != "" {
		r.GPUTypes = strings.Split(args["types"], ",")
	}
	for k, v := range args {
		if key, ok := strings.CutPrefix(k, "label."); ok {
			r.Selector[key] = v
		}
		if node, ok := strings.CutPrefix(k, "avoid."); ok {
			r.Avoid[node] = strings.ReplaceAll(v, "_", " ")
		}
	}
	return r
}

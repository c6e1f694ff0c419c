package amdgpu

import (
	"context"
	"slices"
)

const (
	kfdDir      = "sys/class/kfd/kfd"
	topologyDir = kfdDir + "/topology"
	nodesDir    = topologyDir + "/nodes"
)

// topology is what KFD says; listed is false when there is no KFD.
type topology struct {
	listed     bool
	why        string // why it is not listed
	generation string
	nodes      []kfdNode // by number
}

// find returns the node of this number, or nil.
func (t *topology) find(number int) *kfdNode {
	i, ok := slices.BinarySearchFunc(t.nodes, number, func(n kfdNode, number int) int { return n.number - number })
	if !ok {
		return nil
	}
	return &t.nodes[i]
}

func readGeneration(v *view) string { return v.text(topologyDir + "/generation_id").value }

func readNodeNumbers(v *view) fact[[]int] {
	names, err := v.list(nodesDir)
	if err != nil {
		return missing[[]int](because(topologyDir, err))
	}
	return known(numbered(names, ""))
}

// readTopology reads all nodes at once, each in a goroutine of its own. The
// topology can change meanwhile: the driver then raises generation_id, and the
// reading is done again. A topology that changes three times in a row is taken
// as it is; the caller will see another generation soon.
func (r *Reader) readTopology(ctx context.Context, tree FS) topology {
	const tries = 3
	before, _ := boxed(ctx, &r.box, tree, "generation", readGeneration)
	for try := 1; ; try++ {
		t := r.readNodes(ctx, tree)
		after, err := boxed(ctx, &r.box, tree, "generation", readGeneration)
		t.generation = after
		if err != nil || after == before || try == tries {
			return t
		}
		before = after
	}
}

func (r *Reader) readNodes(ctx context.Context, tree FS) topology {
	numbers, err := boxed(ctx, &r.box, tree, "nodes", readNodeNumbers)
	if err != nil {
		return topology{why: err.Error()}
	}
	if !numbers.known() {
		return topology{why: numbers.why}
	}
	ctx, cancel := r.box.deadline(ctx)
	defer cancel()
	started := make([]pending[kfdNode], len(numbers.value))
	for i, n := range numbers.value {
		started[i] = launch(&r.box, tree, nodePath(n), func(v *view) kfdNode { return readNode(v, n) })
	}
	t := topology{listed: true, nodes: make([]kfdNode, len(started))}
	for i, p := range started {
		node, err := p.wait(ctx)
		if err != nil {
			node = kfdNode{number: numbers.value[i], why: err.Error()}
		}
		t.nodes[i] = node
	}
	return t
}

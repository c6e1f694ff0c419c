package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// Several replicas may share the memory of one GPU where the node's owner allows
// it. Nothing in the hardware keeps them apart: each server is told how much it
// may take, and the node sees to it that what is in use stays within what it has
// given out.

// tolerated is how much more than the shares may be in use before a stranger is
// suspected: what an idle GPU shows and the bookkeeping of the driver.
const tolerated = 284<<20 + 1<<30

// checkShare refuses a share where replicas get whole GPUs.
func (n *Node) checkShare(req activities.ClaimRequest) error {
	if req.ShareBytes > 0 && !n.opts.Shares {
		return aim.Failf(aim.ClassRefused, "node %s gives out whole GPUs only", n.opts.ID).
			WithHint("start its agent with --shares, if its owner agrees")
	}
	return nil
}

// shareBudget is what all shares of the one GPU may hold together.
func shareBudget(d aim.Detection, gpus []string) uint64 {
	g, _ := findGPU(d, gpus[0])
	return g.ShareBudget()
}

// unexplained is the use of a GPU that the claims do not explain, nil for none.
// Whoever holds a GPU whole may do with it what they like; those who share it
// only explain as much as their shares.
func unexplained(g aim.GPU, claims []aim.Claim) *aim.Busy {
	holders := slices.DeleteFunc(slices.Clone(claims), func(c aim.Claim) bool { return !c.Holds(g.ID) })
	if len(holders) == 0 {
		return g.Busy
	}
	shares := uint64(0)
	for _, c := range holders {
		if c.ShareBytes == 0 {
			return nil
		}
		shares += c.ShareBytes
	}
	used := inUse(g)
	if used <= shares+tolerated {
		return nil
	}
	return &aim.Busy{
		Who:   fmt.Sprintf("somebody without a share: %.1f GiB are in use, its shares are %.1f", gib(used), gib(shares)),
		Bytes: used - shares,
	}
}

// inUse is how much of the GPU's memory is in use, in bytes. The processes'
// figures are those of this device; the driver's may be those of all partitions.
func inUse(g aim.GPU) uint64 {
	used := uint64(0)
	if g.Busy != nil {
		used = g.Busy.Bytes
	}
	if g.Partitions <= 1 && g.VRAMUsedBytes != nil {
		used = max(used, *g.VRAMUsedBytes)
	}
	return used
}

func gib(bytes uint64) float64 { return float64(bytes) / (1 << 30) }

// shared holds the rung to the claim's share of the one GPU.
func shared(backend Backend, rung aim.Rung, claim aim.Claim, gpus []aim.GPU) (aim.Rung, error) {
	if claim.ShareBytes == 0 {
		return rung, nil
	}
	sharer, ok := backend.(Sharer)
	if !ok {
		return rung, aim.Failf(aim.ClassInput, "a %s server cannot be held to a share of a GPU's memory", backend.Name()).
			WithHint("deploy it on whole GPUs, or with --backend vllm")
	}
	if gpus[0].VRAMBytes == nil {
		return rung, aim.Failf(aim.ClassGPUFault, "the memory of GPU %s is not known, so no share of it can be given", gpus[0].ID)
	}
	return sharer.Share(rung, claim.ShareBytes, *gpus[0].VRAMBytes)
}

// turnWithin is how long a start waits for its turn on a shared GPU: less than
// the activity may take, and more than most servers need to become ready.
const turnWithin = 4 * time.Minute

// startInTurn starts the server. On a shared GPU starts take turns: a server
// measures the memory of the whole GPU while it starts, so that another one that
// takes or frees some meanwhile makes both of them wrong.
func (n *Node) startInTurn(ctx context.Context, r Runtime, launch aim.Launch) (aim.Server, error) {
	if launch.ShareBytes == 0 {
		return r.Start(ctx, launch)
	}
	deadline := time.Now().Add(turnWithin)
	for {
		server, who, err := n.startIfAlone(ctx, r, launch)
		if err != nil || who == "" {
			return server, err
		}
		if time.Now().After(deadline) {
			return server, aim.Failf(aim.ClassGPUBusy, "%s has been starting on GPU %s for more than %s; two servers cannot measure its memory at a time",
				who, launch.GPUs[0].ID, turnWithin)
		}
		select {
		case <-ctx.Done():
			return server, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// startIfAlone starts the server unless another one is just starting on the GPU
// or being stopped there: then it says who.
func (n *Node) startIfAlone(ctx context.Context, r Runtime, launch aim.Launch) (server aim.Server, who string, err error) {
	n.sharing.Lock()
	defer n.sharing.Unlock()
	servers, err := n.servers(ctx)
	if err != nil {
		return aim.Server{}, "", err
	}
	for _, s := range servers {
		if s.Running && !s.Same(launch.Identity) && slices.Contains(s.GPUs, launch.GPUs[0].ID) && !n.attempt(s.Identity).proved() {
			return aim.Server{}, s.ReplicaName(), nil
		}
	}
	server, err = r.Start(ctx, launch)
	return server, "", err
}

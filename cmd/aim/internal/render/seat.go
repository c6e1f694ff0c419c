package render

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/gpu"
)

// seat is where a rendered server sits: its rung, and the GPUs and address of a
// machine.
type seat struct {
	rung    aim.Rung
	where   string // for people
	gpus    []aim.GPU
	address string
	port    int
}

// seatOf finds it: where the replica runs, else where the scheduler would put it,
// else on this machine.
func seatOf(ctx context.Context, a *cli.App, spec aim.DeploymentSpec, ladder aim.Ladder, fleet aim.Fleet, at *aim.ReplicaStatus) seat {
	if at != nil {
		rung, ok := ladder.At(at.Rung)
		if n, known := fleet.Find(at.Node); ok && known && rung.Recipe == at.Recipe {
			return seat{rung, "as it runs on " + n.ID, gpusOf(n, at.GPUs), n.Address, servedPort(at.Endpoint)}
		}
	}
	one := spec
	one.Replicas = 1
	p := control.MakePlan(control.OnFleet(fleet), one, ladder, nil, a.Now())
	if len(p.Placements) > 0 && p.Placements[0].Placement != nil {
		rank := p.Placements[0].Placement.Ranks[0]
		n, _ := fleet.Find(rank.Node)
		return seat{*p.Rung, "as it would run on " + n.ID, gpusOf(n, rank.GPUs), n.Address, defaultPort}
	}
	s := seat{rung: ladder.Rungs[0], address: cmp.Or(a.Settings.Node.Address, "127.0.0.1"), port: defaultPort}
	s.gpus, s.where = ownGPUs(ctx, a, s.rung.GPUs)
	return s
}

func gpusOf(n aim.FleetNode, ids []string) []aim.GPU {
	var gpus []aim.GPU
	for _, id := range ids {
		for _, g := range n.GPUs {
			if g.ID == id {
				gpus = append(gpus, g)
			}
		}
	}
	return gpus
}

// firstRender and renderStep number the render nodes of a machine with eight
// MI300X that are not partitioned: 128, 136, 144 and so on.
const (
	firstRender = 128
	renderStep  = 8
)

// ownGPUs are the first GPUs of this machine that nobody uses; where there are
// too few, those of a usual machine, and where says so.
func ownGPUs(ctx context.Context, a *cli.App, count int) (gpus []aim.GPU, where string) {
	found, err := gpu.Detect(ctx, a)
	for _, g := range found.GPUs {
		if ok, _ := g.Usable(); err == nil && ok && g.RenderMinor != nil && len(gpus) < count {
			gpus = append(gpus, g)
		}
	}
	if len(gpus) == count {
		return gpus, "as it would run on this machine"
	}
	gpus = nil
	for i := range count {
		minor := firstRender + i*renderStep
		gpus = append(gpus, aim.GPU{ID: fmt.Sprint(i), RenderMinor: &minor})
	}
	return gpus, fmt.Sprintf("for a machine whose GPUs have the render nodes from renderD%d, %d apart; look at yours with: aim gpu list", firstRender, renderStep)
}

// comment is what a reader of the text should know.
func (s seat) comment(spec aim.DeploymentSpec, cache string) []string {
	return []string{
		fmt.Sprintf("%s by recipe %s (rung %d), %s", spec.Model, s.rung.Recipe, s.rung.Number, s.where),
		"the server reads its weights from " + cache + "; fetch them first with: aim model fetch " + s.rung.Model,
	}
}

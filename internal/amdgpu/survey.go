package amdgpu

import (
	"context"

	"github.com/aim-engine/aim"
)

// survey is all that was read of a machine at one moment. judge turns it into
// the answer.
type survey struct {
	topology  topology
	bus       bus
	boards    []*board // the GPUs that KFD lists, by PCI address
	leftovers []idle   // AMD GPUs on the bus that KFD does not list, by address
	users     processes
	clients   map[string][]aim.GPUUser // by PCI address; only if asked for
	nics      nics
	driver    string // "" = unknown
	module    bool   // the amdgpu module is loaded
	hidesKFD  bool   // there is a dev/ in sight, and no kfd in it
}

// idle is a PCI function without a KFD node.
type idle struct {
	function
	device device
}

// survey reads everything, in two rounds, since the devices to look at are only
// known from the first. Within a round all reads run at the same time, so that
// any number of hanging devices costs one time box.
func (r *Reader) survey(ctx context.Context, tree FS) (survey, error) {
	s, err := r.readHost(ctx, tree)
	if err != nil {
		return s, err
	}
	s.boards = boards(s.topology.nodes, s.bus)
	if err := r.readDevices(ctx, tree, &s); err != nil {
		return s, err
	}
	if s.unexplainedUse() {
		s.clients, _ = boxed(ctx, &r.box, tree, "clients", readClients)
	}
	return s, ctx.Err()
}

func (r *Reader) readHost(ctx context.Context, tree FS) (survey, error) {
	round, cancel := r.box.deadline(ctx)
	defer cancel()
	buses := launch(&r.box, tree, "pci", readBus)
	users := launch(&r.box, tree, "processes", readProcesses)
	rdma := launch(&r.box, tree, "rdma", readNICs)
	host := launch(&r.box, tree, "driver", readDriver)

	var s survey
	var err error
	s.topology = r.readTopology(ctx, tree)
	s.bus, _ = buses.wait(round) // a bus that does not answer is one that is not shown
	if s.users, err = users.wait(round); err != nil {
		s.users.why = err.Error()
	}
	if s.nics, err = rdma.wait(round); err != nil {
		s.nics.why = err.Error()
	}
	found, _ := host.wait(round)
	s.driver, s.module, s.hidesKFD = found.version, found.loaded, found.hidesKFD
	return s, ctx.Err()
}

// readDevices reads the folder of every GPU, listed by KFD or not.
func (r *Reader) readDevices(ctx context.Context, tree FS, s *survey) error {
	round, cancel := r.box.deadline(ctx)
	defer cancel()
	listed := map[address]bool{}
	started := make([]pending[device], len(s.boards))
	for i, b := range s.boards {
		listed[b.at] = b.located
		f, _ := s.bus.find(b.at)
		started[i] = launch(&r.box, tree, b.key(), func(v *view) device {
			return readGPU(v, f.path, b.nodes[0].props.renderMinor)
		})
	}
	var others []pending[device]
	for _, f := range s.bus.functions {
		if !listed[f.at] {
			s.leftovers = append(s.leftovers, idle{function: f})
			others = append(others, launch(&r.box, tree, f.at.String(), func(v *view) device {
				return readDevice(v, f.path, nil)
			}))
		}
	}
	for i, p := range started {
		s.boards[i].device = orHangs(p.wait(round))
	}
	for i, p := range others {
		s.leftovers[i].device = orHangs(p.wait(round))
	}
	return ctx.Err()
}

func orHangs(d device, err error) device {
	if err != nil {
		d = noDevice(err.Error())
		d.hangs = true
	}
	return d
}

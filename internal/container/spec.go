package container

import (
	"cmp"
	"math"
	"net/netip"

	"github.com/aim-engine/aim"
)

const (
	// Port is where servers listen inside a container, whatever they are
	// published on.
	Port = 8000
	// maxProcesses is far above what a server with eight GPUs needs (about 1000
	// threads) and stops a fork bomb.
	maxProcesses = 4096
	// The log of a container: 150 MB at most.
	logFiles    = 3
	logFileSize = 50 << 20
)

// Spec is everything that a server's container is given, and with that
// everything it may do. Build it with New.
type Spec struct {
	Image      string
	Entrypoint []string // nil = the image's own
	Args       []string // after the entrypoint
	StopSignal string

	Env     map[string]string // without secrets
	Secrets map[string]string // environment too, but nothing that can be asked for it may show the values

	User         string // uid:gid; "" = the image's
	Groups       []int  // ids of the groups that own the device files
	Drop         bool   // all capabilities; else the runtime's usual ones stay
	Unconfined   bool   // no filter of system calls
	ReadOnlyRoot bool
	Scratch      []Scratch
	Devices      []Device
	Mounts       []aim.Mount
	Publish      Publish
	Limits       Limits
	Log          Log
}

// Device is a device file of the node; it may be read and written, not made.
type Device struct{ Source, Target string }

// Scratch is a writable folder in memory, from which programs may be run:
// compilers load what they have just built.
type Scratch struct {
	Target string
	Bytes  uint64
}

// Publish is the one way in: Port of the container at one address of the node.
type Publish struct {
	Address netip.Addr
	Port    int
}

// Limits are what a server may use; 0 is no limit. There is no swap beyond
// MemoryBytes: it would only make an overfull server slow instead of failing it.
type Limits struct {
	CPUs        int
	MemoryBytes uint64
	ShmBytes    uint64
	Processes   int
}

// Log bounds what is kept of a server's output.
type Log struct {
	FileBytes uint64
	Files     int
}

// Node is what must be known of the node.
type Node struct {
	DevRoot string // folder with kfd and dri/
	User    string // uid:gid of servers of level strict; "" = StrictUser
	Groups  []int  // see DeviceGroups
}

// New builds the container of a launch. It is pure: the same input gives the
// same container, and nothing but its input can widen what the container may
// do. A launch that cannot be is a Failure of class input; a GPU whose device
// file is not known one of class gpu_fault.
func New(l aim.Launch, n Node) (Spec, error) {
	s := Spec{
		Image: l.Image, Entrypoint: l.Entrypoint, Args: l.Args, StopSignal: "SIGTERM",
		Secrets: l.SecretEnv, Groups: n.Groups, Mounts: l.Mounts,
		Log: Log{FileBytes: logFileSize, Files: logFiles},
	}
	var err error
	if _, err = ParseImage(l.Image); err != nil {
		return Spec{}, err
	}
	if s.Devices, err = devices(l, n.DevRoot); err != nil {
		return Spec{}, err
	}
	if err = checkMounts(l.Mounts); err != nil {
		return Spec{}, err
	}
	if s.Publish, err = publish(l.Address, l.Port); err != nil {
		return Spec{}, err
	}
	if s.Limits, err = limits(l.Resources); err != nil {
		return Spec{}, err
	}
	if err = s.close(l.Level, cmp.Or(n.User, StrictUser)); err != nil {
		return Spec{}, err
	}
	s.Env, err = Environment(levelEnv(l.Level), l)
	return s, err
}

// publish takes one address. There is no default: a runtime's own would be all
// interfaces.
func publish(address string, port int) (Publish, error) {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.IsUnspecified() || ip.Zone() != "" {
		return Publish{}, aim.Failf(aim.ClassInput, "a server cannot be published on address %q", address).
			WithHint("set the node's --address to one of its own IP addresses")
	}
	if port < 1 || port > math.MaxUint16 {
		return Publish{}, aim.Failf(aim.ClassInput, "a server cannot be published on port %d", port)
	}
	return Publish{Address: ip, Port: port}, nil
}

func limits(r aim.Resources) (Limits, error) {
	const tooMuch = 1 << 50 // bytes; no machine has it, and runtimes count in int64
	if r.CPUs < 0 || r.CPUs > 1<<16 || r.HostBytes > tooMuch || r.ShmBytes > tooMuch {
		return Limits{}, aim.Failf(aim.ClassInput, "resources %+v are out of range", r)
	}
	return Limits{CPUs: r.CPUs, MemoryBytes: r.HostBytes, ShmBytes: r.ShmBytes, Processes: maxProcesses}, nil
}

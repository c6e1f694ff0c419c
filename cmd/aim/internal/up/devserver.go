package up

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/supervise"
	"github.com/aim-engine/aim/workflows"
)

// devserverReady is the line that aim-devserver writes when it serves.
type devserverReady struct {
	PID             int    `json:"pid"`
	TemporalAddress string `json:"temporal_address"`
	UIAddress       string `json:"ui_address"`
	NATSURL         string `json:"nats_url"`
	Namespace       string `json:"namespace"`
}

// startDevserver starts Temporal, its UI and NATS. The addresses are known when
// it is ready, and are kept for every later start.
func (s *stack) startDevserver(ctx context.Context) error {
	program, err := s.findDevserver()
	if err != nil {
		return err
	}
	dir := filepath.Join(s.app.Settings.Dir, "devserver")
	readyFile := filepath.Join(s.app.Settings.Dir, "run", "devserver.json")
	ports := s.devserverPorts()
	if err := s.checkPorts(ctx, ports); err != nil {
		return err
	}
	return cli.Next(s.launch(ctx, devserverWithin, supervise.Process{
		Name: "devserver", Grace: 20 * time.Second, // Temporal drains for up to 15 s
		Command: func() (supervise.Command, error) {
			args := []string{program, "--dir", dir, "--ready-file", readyFile, "--namespace", s.state.Namespace,
				"--temporal-port", ports[0], "--ui-port", ports[1], "--nats-port", ports[2]}
			for name, kind := range workflows.SearchAttributes() {
				args = append(args, "--search-attribute", name+"="+kind)
			}
			return supervise.Command{Args: args}, nil
		},
		Ready: func(_ context.Context, pid int) error {
			ready, err := readDevserver(readyFile, pid)
			if err != nil {
				return err
			}
			s.state.TemporalAddress, s.state.NATSURL, s.state.UIAddress = ready.TemporalAddress, ready.NATSURL, ready.UIAddress
			// From now on it starts at these addresses, whatever was asked for first.
			ports = [3]string{portOf(ready.TemporalAddress), portOf(ready.UIAddress), portOf(ready.NATSURL)}
			return nil
		},
	}), "aim up")
}

// readDevserver reads the ready file; one that a killed devserver has left
// behind has another pid.
func readDevserver(path string, pid int) (devserverReady, error) {
	var r devserverReady
	data, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, err
	}
	if r.PID != pid {
		return r, errors.New("it does not serve yet")
	}
	return r, nil
}

// findDevserver looks beside this program, then in PATH.
func (s *stack) findDevserver() (string, error) {
	const name = "aim-devserver"
	self := s.self
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	beside := filepath.Join(filepath.Dir(self), name)
	if path, err := exec.LookPath(beside); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return "", cli.Next(cli.Failed("%s is neither beside %s nor in PATH; build it, or set TEMPORAL_ADDRESS and NATS_URL", name, self), "make build")
}

// The ports that everybody expects Temporal, its UI, NATS, control's administration
// and the gateway at.
var usualPorts = [ownPortCount]int{7233, 8233, 4222, 9473, 8000}

// devserverPorts are those of the last time. The first time the usual ones are
// taken where they are free, for the user's own stack; other folders are for tests
// and trials, which would only fight over them, and choose by their name.
func (s *stack) devserverPorts() [3]string {
	if s.state.TemporalAddress != "" {
		return [3]string{portOf(s.state.TemporalAddress), portOf(s.state.UIAddress), portOf(s.state.NATSURL)}
	}
	var ports [3]string
	for i := range ports {
		ports[i] = firstFree(s.firstPort(i))
	}
	return ports
}

// firstPort is where part i of the stack would like to listen: Temporal, its UI,
// NATS, the administration, the gateway.
func (s *stack) firstPort(i int) int {
	if s.app.Settings.Given("dir") {
		return ownPorts(s.app.Settings.Dir)[i]
	}
	return usualPorts[i]
}

// Ports of a stack in a folder of its own lie below those of simulated nodes,
// and like them below those that Linux gives to outgoing connections (32768 and
// up): a remembered port of those is taken at times by somebody's connection.
const (
	lowestOwnPort = 10000
	ownPortCount  = 5
	ownPortSpan   = lowestPort - lowestOwnPort - ownPortCount*portTries
	portTries     = 50 // of each port, before the system chooses
)

// ownPorts are ports by the name of the state folder.
func ownPorts(dir string) [ownPortCount]int {
	first := lowestOwnPort + int(hashOf(dir)%(ownPortSpan/ownPortCount))*ownPortCount
	return [ownPortCount]int{first, first + 1, first + 2, first + 3, first + 4}
}

// firstFree is the port itself, or one of the next where it is taken; "0", any,
// after portTries. Whole steps keep the ports of one folder apart.
func firstFree(port int) string {
	for try := range portTries {
		p := port + ownPortCount*try
		if portFree(fmt.Sprintf("127.0.0.1:%d", p)) {
			return strconv.Itoa(p)
		}
	}
	return "0"
}

// portWithin is how long a port of the last time may still be somebody's: the
// rest of a killed part, or an outgoing connection that was given it.
const portWithin = 5 * time.Second

// checkPorts refuses to start where somebody else has taken a port of the last
// time: clients know the addresses, so others are not taken silently.
func (s *stack) checkPorts(ctx context.Context, ports [3]string) error {
	ctx, cancel := context.WithTimeout(ctx, portWithin)
	defer cancel()
	for i, name := range []string{"Temporal", "the Temporal UI", "NATS"} {
		if ports[i] == "0" || awaitPort(ctx, "127.0.0.1:"+ports[i]) {
			continue
		}
		file := filepath.Join(s.app.Settings.Dir, "up.json")
		return cli.Next(cli.Failed("port %s, where %s was the last time, is taken; stop what listens there, or delete %s to take other ports", ports[i], name, file), "aim up")
	}
	return nil
}

// awaitPort waits until one could listen there; false when ctx ends before.
func awaitPort(ctx context.Context, address string) bool {
	for !portFree(address) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return true
}

// portOf finds the port in host:port or in a URL, "0" if there is none.
func portOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Port() != "" {
		return u.Port()
	}
	if _, port, err := net.SplitHostPort(address); err == nil {
		return port
	}
	return "0"
}

// portFree tells whether one could listen there now.
func portFree(address string) bool {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	l.Close()
	return true
}

package devserver

import (
	"errors"
	"os"
)

// reservations are the ports of all parts, held until all parts listen.
type reservations struct {
	frontend, history, matching, worker, ui, nats *reservation
}

// reservePorts takes the ports that Options name, and free ones for the rest.
func reservePorts(o Options) (_ *reservations, err error) {
	var r reservations
	for _, p := range []struct {
		service, ip string
		port        int
		at          **reservation
	}{
		// What the user named comes first, so that no free port is one of them.
		{"Temporal", o.IP, o.TemporalPort, &r.frontend},
		{"the Temporal UI", o.IP, o.UIPort, &r.ui},
		{"NATS", o.IP, o.NATSPort, &r.nats},
		{"Temporal history", loopback, 0, &r.history},
		{"Temporal matching", loopback, 0, &r.matching},
		{"Temporal worker", loopback, 0, &r.worker},
	} {
		if *p.at, err = reserve(p.service, p.ip, p.port); err != nil {
			return nil, errors.Join(err, r.release())
		}
	}
	return &r, nil
}

func (r *reservations) release() error {
	var errs []error
	for _, held := range []*reservation{r.frontend, r.history, r.matching, r.worker, r.ui, r.nats} {
		if held != nil {
			errs = append(errs, held.release())
		}
	}
	return errors.Join(errs...)
}

func (r *reservations) temporal() temporalPorts {
	return temporalPorts{r.frontend.port, r.history.port, r.matching.port, r.worker.port}
}

func (r *reservations) ready(o Options) Ready {
	return Ready{
		PID:             os.Getpid(),
		TemporalAddress: dialAddress(o.IP, r.frontend.port),
		UIAddress:       "http://" + dialAddress(o.IP, r.ui.port),
		NATSURL:         "nats://" + dialAddress(o.IP, r.nats.port),
		Namespace:       o.Namespace,
		Version:         Version(),
	}
}

package process

import (
	"fmt"
	"time"

	"github.com/aim-engine/aim"
)

// phase of a server, as its folder and the kernel show it.
//
//	absent → created → starting → running → ended
type phase int

const (
	absent   phase = iota // no launch.json
	created               // launch.json, but no shim has come up (or it died before it started anything)
	starting              // a shim holds the lock
	running               // the server lives, or its shim is about to write how it ended
	ended
)

// record is server.json: which process is the server.
type record struct {
	PID       int       `json:"pid"`        // of the server, and the number of its process group
	StartTime uint64    `json:"start_time"` // clock ticks since boot, see proc(5): tells a reused pid apart
	Session   int       `json:"session"`    // of the shim and all it starts; the shim's pid
	BootID    string    `json:"boot_id"`
	Started   time.Time `json:"started"`
}

// sight is what one look at a folder showed.
type sight struct {
	phase  phase
	plan   plan
	record record // zero before the server has been recorded
	exit   *aim.Exit
}

// look reads the folder. The order matters while a shim is at work: it writes
// server.json, then exit.json, then lets go of the lock. So once the lock is
// seen free, exit.json is there unless the shim was killed.
func (f folder) look() (sight, error) {
	var s sight
	if ok, err := f.read(launchFile, &s.plan); err != nil || !ok && !f.wasDamaged(launchFile) {
		return s, err
	}
	if ok, err := f.lookExit(&s); err != nil || ok {
		return s, err
	}
	recorded, err := f.lookRecord(&s.record)
	if err != nil {
		return s, err
	}
	if recorded && s.record.alive() {
		s.phase = running
		return s, nil
	}
	locked, err := f.locked()
	if err != nil {
		return s, err
	}
	switch {
	case locked && recorded:
		s.phase = running
		return s, nil
	case locked:
		s.phase = starting
		return s, nil
	}
	if ok, err := f.lookExit(&s); err != nil || ok {
		return s, err
	}
	if !recorded {
		s.phase = created
		return s, nil
	}
	s.phase, s.exit = ended, s.record.unseenExit()
	return s, nil
}

// lookRecord reads server.json. Where it was damaged the truth is looked up among
// the processes, and written again; recorded without a pid is a server that was
// started once and of which nothing is left.
func (f folder) lookRecord(r *record) (recorded bool, err error) {
	recorded, err = f.read(serverFile, r)
	if err != nil || recorded || !f.wasDamaged(serverFile) {
		return recorded, err
	}
	found, ok, err := f.searchServer()
	if *r = found; err != nil || !ok {
		return true, err
	}
	return true, f.write(serverFile, found)
}

func (f folder) lookExit(s *sight) (bool, error) {
	var e ending
	ok, err := f.read(exitFile, &e)
	if err != nil || !ok {
		return false, err
	}
	// Stop still needs the record: children may have outlived the server.
	if _, err := f.lookRecord(&s.record); err != nil {
		return false, err
	}
	s.phase, s.exit = ended, &e.Exit
	return true, nil
}

// unseenExit is the exit of a server that nobody waited for.
func (r record) unseenExit() *aim.Exit {
	if r.PID == 0 {
		return &aim.Exit{Code: -1, Message: "its record was damaged, and no process of it is left"}
	}
	if boot, err := bootID(); err == nil && boot != r.BootID {
		return &aim.Exit{Code: -1, Message: "the machine was restarted"}
	}
	return &aim.Exit{Code: -1, Message: "it ended after its shim had been killed"}
}

// server is the sight in the words of the runtime port. A server that is about
// to start counts as running; one that never started has neither ended nor is it
// running.
func (s sight) server() aim.Server {
	l := s.plan.Launch
	server := aim.Server{
		Identity: l.Identity, Runtime: Name, Name: l.Server(),
		Backend: l.Backend, Model: l.Model, Weights: l.Weights, Task: l.Task, Image: l.Image,
		Share: l.ShareBytes, Address: l.Address, Port: l.Port,
		Running: s.phase == starting || s.phase == running,
		Exit:    s.exit, Started: s.record.Started,
	}
	for _, g := range l.GPUs {
		server.GPUs = append(server.GPUs, g.ID)
	}
	if s.record.PID != 0 {
		server.ID = fmt.Sprintf("%d@%d", s.record.PID, s.record.StartTime)
	}
	return server
}

package process

import (
	"errors"
	"fmt"

	"github.com/prometheus/procfs"

	"github.com/aim-engine/aim/internal/machine"
)

// procStat is /proc/<pid>/stat. Starttime counts clock ticks since boot.
type procStat = procfs.ProcStat

// dead tells of a process that has ended, whoever has yet to hear of it.
func dead(p procStat) bool { return p.State == "Z" || p.State == "X" }

// statOf reads a process; ok is false when there is none with this pid.
func statOf(pid int) (p procStat, ok bool) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return procStat{}, false
	}
	p, err = proc.Stat()
	return p, err == nil
}

// processes lists every living process.
func processes() ([]procStat, error) {
	procs, err := procfs.AllProcs()
	if err != nil {
		return nil, err
	}
	var all []procStat
	for _, proc := range procs {
		if p, err := proc.Stat(); err == nil && !dead(p) { // else it has ended since
			all = append(all, p)
		}
	}
	return all, nil
}

// bootID changes with every start of the machine.
func bootID() (string, error) {
	if id := machine.BootID(); id != "" {
		return id, nil
	}
	return "", errors.New("the kernel does not tell the id of this boot")
}

// alive tells whether the recorded server itself still runs.
func (r record) alive() bool {
	if boot, err := bootID(); err != nil || boot != r.BootID {
		return false
	}
	p, ok := statOf(r.PID)
	return ok && !dead(p) && p.Starttime == r.StartTime
}

// members lists the living processes of the server's group and of its session,
// without the shim: the server and what it has started. A number that now
// belongs to a younger process was reused, and nothing under it is ours.
func (r record) members() ([]procStat, error) {
	if boot, err := bootID(); err != nil || boot != r.BootID {
		return nil, err
	}
	leader, found := statOf(r.PID)
	groupIsOurs := !found || leader.Starttime == r.StartTime
	shim, found := statOf(r.Session)
	sessionIsOurs := !found || shim.Starttime <= r.StartTime
	all, err := processes()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var ours []procStat
	for _, p := range all {
		inGroup := groupIsOurs && p.PGRP == r.PID
		inSession := sessionIsOurs && p.Session == r.Session && p.PID != r.Session
		if p.Starttime >= r.StartTime && (inGroup || inSession) {
			ours = append(ours, p)
		}
	}
	return ours, nil
}

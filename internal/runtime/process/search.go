package process

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/procfs"
)

// searchServer finds the folder's server among the processes of this machine,
// for when its record is damaged: below its shim, which has the folder on its
// command line, or without one by the environment that all its processes have.
func (f folder) searchServer() (record, bool, error) {
	procs, err := procfs.AllProcs()
	if err != nil {
		return record{}, false, err
	}
	boot, err := bootID()
	if err != nil {
		return record{}, false, err
	}
	var ours []procStat
	shim := 0
	for _, proc := range procs {
		p, err := proc.Stat()
		if err != nil || dead(p) {
			continue // it has ended since
		}
		line, _ := proc.CmdLine()
		env, _ := proc.Environ() // one that cannot be read is not ours
		switch {
		case len(line) == 3 && line[1] == "shim" && line[2] == string(f) && p.PID == p.Session:
			shim = p.PID
		case slices.Contains(env, serverEnv+"="+string(f)):
			ours = append(ours, p)
		}
	}
	// The server is the oldest of them, and leads a group.
	slices.SortFunc(ours, func(a, b procStat) int { return cmp.Compare(a.Starttime, b.Starttime) })
	for _, p := range ours {
		if shim == 0 || p.Session == shim {
			return record{PID: p.PGRP, StartTime: p.Starttime, Session: p.Session, BootID: boot, Started: startedAt(p)}, true, nil
		}
	}
	return record{}, false, nil
}

// startedAt is when a process began, the zero time where that cannot be told.
func startedAt(p procStat) time.Time {
	seconds, err := p.StartTime()
	if err != nil {
		return time.Time{}
	}
	return time.Unix(0, int64(seconds*float64(time.Second)))
}

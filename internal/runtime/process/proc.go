package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// procStat is the part of /proc/<pid>/stat that is used here.
type procStat struct {
	pid, parent, group, session int
	state                       byte   // Z and X are dead
	start                       uint64 // clock ticks since boot
}

func (p procStat) dead() bool { return p.state == 'Z' || p.state == 'X' }

// parseStat reads a line of /proc/<pid>/stat. The program's name stands in
// parentheses and may itself hold blanks and parentheses, so fields are counted
// from the last one.
func parseStat(line []byte) (procStat, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return procStat{}, fmt.Errorf("no program name in %q", line)
	}
	// Field 3 of the manual, the state, is the first after the name.
	fields := strings.Fields(string(line[end+1:]))
	if len(fields) < 20 || len(fields[0]) != 1 {
		return procStat{}, fmt.Errorf("too few fields in %q", line)
	}
	p := procStat{state: fields[0][0]}
	var err error
	for _, n := range []struct {
		to   *int
		text string
	}{
		{&p.pid, strings.TrimSpace(string(line[:open]))},
		{&p.parent, fields[1]}, {&p.group, fields[2]}, {&p.session, fields[3]},
	} {
		if *n.to, err = strconv.Atoi(n.text); err != nil {
			return procStat{}, fmt.Errorf("stat line %q: %w", line, err)
		}
	}
	if p.start, err = strconv.ParseUint(fields[19], 10, 64); err != nil {
		return procStat{}, fmt.Errorf("stat line %q: %w", line, err)
	}
	return p, nil
}

// statOf reads a process; ok is false when there is none with this pid.
func statOf(pid int) (p procStat, ok bool) {
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return procStat{}, false
	}
	p, err = parseStat(line)
	return p, err == nil
}

// processes lists every living process.
func processes() ([]procStat, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all []procStat
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, ok := statOf(pid); ok && !p.dead() {
			all = append(all, p)
		}
	}
	return all, nil
}

// bootID changes with every start of the machine.
func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}

// alive tells whether the recorded server itself still runs.
func (r record) alive() bool {
	if boot, err := bootID(); err != nil || boot != r.BootID {
		return false
	}
	p, ok := statOf(r.PID)
	return ok && !p.dead() && p.start == r.StartTime
}

// members lists the living processes of the server's group and of its session,
// without the shim: the server and what it has started. A number that now
// belongs to a younger process was reused, and nothing under it is ours.
func (r record) members() ([]procStat, error) {
	if boot, err := bootID(); err != nil || boot != r.BootID {
		return nil, err
	}
	leader, found := statOf(r.PID)
	groupIsOurs := !found || leader.start == r.StartTime
	shim, found := statOf(r.Session)
	sessionIsOurs := !found || shim.start <= r.StartTime
	all, err := processes()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var ours []procStat
	for _, p := range all {
		inGroup := groupIsOurs && p.group == r.PID
		inSession := sessionIsOurs && p.session == r.Session && p.pid != r.Session
		if p.start >= r.StartTime && (inGroup || inSession) {
			ours = append(ours, p)
		}
	}
	return ours, nil
}

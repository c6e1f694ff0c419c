package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Script is a parsed AIM_SIMULATE. The zero Script does nothing wrong, at once.
type Script struct {
	Faults []Fault // in the order of the text
	Timing Timing
}

// Timing is how slow the server is.
type Timing struct {
	Load, Ready, TTFT, TPOT, Stop time.Duration
}

// Fault is one thing that goes wrong.
type Fault struct {
	Name  Name
	After time.Duration // after the server was ready; see Late
	When  []Condition   // all must hold
}

// Name of a fault.
type Name string

// The faults; see the package text.
const (
	Option     Name = "option"
	Port       Name = "port"
	Auth       Name = "auth"
	Missing    Name = "missing"
	Arch       Name = "arch"
	Quant      Name = "quant"
	Length     Name = "length"
	RemoteCode Name = "remote_code"
	Parser     Name = "parser"
	TPHeads    Name = "tp_heads"
	TPBlock    Name = "tp_block"
	GPUBusy    Name = "gpu_busy"
	Attn       Name = "attn"
	OOM        Name = "oom"
	KVNone     Name = "kv_none"
	KVShort    Name = "kv_short"
	GPUFault   Name = "gpu_fault"
	Disk       Name = "disk"
	Hang       Name = "hang"
	Wrong      Name = "wrong"
	Crash      Name = "crash"
	Exit0      Name = "exit0"
	Unhealthy  Name = "unhealthy"
	Talk       Name = "talk"
	Mute       Name = "mute"
	Stall      Name = "stall"
	NoGenerate Name = "no_generate"
	NoEmbed    Name = "no_embed"
)

// lateFaults happen to a server that is up.
var lateFaults = []Name{Crash, Exit0, Unhealthy, Mute, Stall}

// timedFaults may have a time; a GPU fault without one happens in the start.
var timedFaults = append([]Name{GPUFault}, lateFaults...)

// startFaults change or end the start.
var startFaults = []Name{
	Option, Port, Auth, Missing, Arch, Quant, Length, RemoteCode, Parser, TPHeads, TPBlock,
	GPUBusy, Attn, OOM, KVNone, KVShort, GPUFault, Disk, Hang, Talk, Wrong, NoGenerate, NoEmbed,
}

// Names lists every fault.
func Names() []Name { return slices.Concat(startFaults, lateFaults) }

// Late tells whether the fault happens to a server that is up.
func (f Fault) Late() bool {
	return slices.Contains(lateFaults, f.Name) || f.Name == GPUFault && f.After > 0
}

// Parse reads a script. The error names the clause that is not understood.
func Parse(text string) (Script, error) {
	var s Script
	for clause := range strings.SplitSeq(text, ";") {
		clause = strings.TrimSpace(clause)
		if clause == "" {
			continue
		}
		if err := s.add(clause); err != nil {
			return Script{}, fmt.Errorf("AIM_SIMULATE: clause %q: %w", clause, err)
		}
	}
	return s, nil
}

func (s *Script) add(clause string) error {
	head, conditions, hasConditions := strings.Cut(clause, "@")
	name, value, hasValue := strings.Cut(strings.TrimSpace(head), "=")
	if timing := s.Timing.field(name); timing != nil {
		if hasConditions {
			return errors.New("a timing has no conditions")
		}
		return parseTime(value, timing)
	}
	fault := Fault{Name: Name(name)}
	if !slices.Contains(Names(), fault.Name) {
		known := append(Names(), "load", "ready", "ttft", "tpot", "stop")
		slices.Sort(known)
		return fmt.Errorf("%q is none of %v", name, known)
	}
	if hasValue {
		if !slices.Contains(timedFaults, fault.Name) {
			return fmt.Errorf("%s takes no time; only %v do", name, timedFaults)
		}
		if err := parseTime(value, &fault.After); err != nil {
			return err
		}
	}
	if hasConditions {
		for text := range strings.SplitSeq(conditions, "@") {
			c, err := parseCondition(strings.TrimSpace(text))
			if err != nil {
				return err
			}
			fault.When = append(fault.When, c)
		}
	}
	s.Faults = append(s.Faults, fault)
	return nil
}

// field finds the timing of this name, nil for none.
func (t *Timing) field(name string) *time.Duration {
	return map[string]*time.Duration{
		"load": &t.Load, "ready": &t.Ready, "ttft": &t.TTFT, "tpot": &t.TPOT, "stop": &t.Stop,
	}[name]
}

func parseTime(text string, into *time.Duration) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no time such as 500ms or 2s", text)
	}
	*into = d
	return nil
}

// Active lists the faults that happen under these facts, by name. Where one is
// named twice the first that holds counts.
func (s Script) Active(f Facts) map[Name]Fault {
	active := map[Name]Fault{}
	for _, fault := range slices.Backward(s.Faults) {
		if fault.holds(f) {
			active[fault.Name] = fault
		}
	}
	return active
}

func (f Fault) holds(facts Facts) bool {
	return !slices.ContainsFunc(f.When, func(c Condition) bool { return !c.Holds(facts) })
}

// Counts tells whether the script asks how often the server was started.
func (s Script) Counts() bool {
	return slices.ContainsFunc(s.Faults, func(f Fault) bool {
		return slices.ContainsFunc(f.When, func(c Condition) bool { return c.Name == first })
	})
}

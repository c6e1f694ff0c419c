package render

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim/internal/container"
)

// Flag is one option of `docker run`, without dashes; one without a value is a
// switch.
type Flag struct{ Name, Value string }

// Flags are the options of `docker run` that make the container of a Spec, but
// for its name. A secret is named without its value, which docker then takes from
// its own environment: whoever starts it by hand has no node to hand over files.
func Flags(s container.Spec) []Flag {
	flags := append(closeFlags(s), limitFlags(s)...)
	for _, d := range s.Devices {
		flags = append(flags, Flag{"device", deviceFlag(d)})
	}
	for _, g := range s.Groups {
		flags = append(flags, Flag{"group-add", strconv.Itoa(g)})
	}
	for _, m := range s.Mounts {
		value := fmt.Sprintf("type=bind,source=%s,target=%s", m.Source, m.Target)
		if m.ReadOnly {
			value += ",readonly"
		}
		flags = append(flags, Flag{"mount", value})
	}
	flags = append(flags, Flag{"publish", fmt.Sprintf("%s:%d:%d", address(s.Publish), s.Publish.Port, container.Port)})
	env := container.Pairs(s.Env)
	env = append(env, slices.Sorted(maps.Keys(s.Secrets))...)
	slices.Sort(env)
	for _, e := range env {
		flags = append(flags, Flag{"env", e})
	}
	return flags
}

// address is an IP address as it stands before a port.
func address(p container.Publish) string {
	if p.Address.Is6() {
		return "[" + p.Address.String() + "]"
	}
	return p.Address.String()
}

// closeFlags are what the container may not do, and how it ends.
func closeFlags(s container.Spec) []Flag {
	flags := []Flag{{"restart", "no"}, {"stop-signal", s.StopSignal}, {"no-healthcheck", ""}, {"ipc", "private"}}
	if s.Drop {
		flags = append(flags, Flag{"cap-drop", "ALL"})
	}
	flags = append(flags, Flag{"security-opt", "no-new-privileges"})
	if s.Unconfined {
		flags = append(flags, Flag{"security-opt", "seccomp=unconfined"})
	}
	if s.User != "" {
		flags = append(flags, Flag{"user", s.User})
	}
	if s.ReadOnlyRoot {
		flags = append(flags, Flag{"read-only", ""})
	}
	for _, t := range s.Scratch {
		flags = append(flags, Flag{"tmpfs", fmt.Sprintf("%s:rw,exec,nosuid,nodev,mode=1777,size=%dg", t.Target, t.Bytes>>30)})
	}
	return flags
}

// limitFlags are what the container may use; 0 is no limit.
func limitFlags(s container.Spec) []Flag {
	var flags []Flag
	for _, l := range []struct {
		name  string
		value uint64
	}{
		{"cpus", uint64(s.Limits.CPUs)}, {"memory", s.Limits.MemoryBytes}, {"memory-swap", s.Limits.MemoryBytes},
		{"pids-limit", uint64(s.Limits.Processes)}, {"shm-size", s.Limits.ShmBytes},
	} {
		if l.value != 0 {
			flags = append(flags, Flag{l.name, strconv.FormatUint(l.value, 10)})
		}
	}
	return append(flags, Flag{"log-driver", "json-file"},
		Flag{"log-opt", fmt.Sprintf("max-file=%d", s.Log.Files)},
		Flag{"log-opt", fmt.Sprintf("max-size=%dm", s.Log.FileBytes>>20)})
}

func deviceFlag(d container.Device) string {
	if d.Source == d.Target {
		return d.Source
	}
	return strings.Join([]string{d.Source, d.Target}, ":")
}

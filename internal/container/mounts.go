package container

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// Places that no launch may share, or cover. The node's settings list the
// folders that may be mounted; this is what is never right.
var (
	neverSource = []string{"/dev", "/proc", "/sys", "/run", "/var/run", "/etc", "/boot"}
	neverTarget = []string{"/dev", "/proc", "/sys"}
)

func checkMounts(mounts []aim.Mount) error {
	for _, m := range mounts {
		if err := checkMount(m); err != nil {
			return aim.Failf(aim.ClassInput, "mount %s at %s: %v", m.Source, m.Target, err)
		}
	}
	return nil
}

func checkMount(m aim.Mount) error {
	for _, p := range []string{m.Source, m.Target} {
		if !path.IsAbs(p) || path.Clean(p) != p || p == "/" || strings.ContainsRune(p, 0) {
			return fmt.Errorf("%q is not a clean absolute path below /", p)
		}
	}
	if within(m.Source, neverSource) || path.Base(m.Source) == "docker.sock" {
		return fmt.Errorf("%s is not shared with servers", m.Source)
	}
	if within(m.Target, neverTarget) {
		return fmt.Errorf("%s is not covered in containers", m.Target)
	}
	return nil
}

// within tells whether a clean path is one of the folders or lies below one.
func within(p string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return p == f || strings.HasPrefix(p, strings.TrimSuffix(f, "/")+"/") })
}

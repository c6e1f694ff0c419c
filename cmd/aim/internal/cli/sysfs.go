package cli

import (
	"os"
	"path/filepath"
)

// CheckSysfs refuses a folder that is no sysfs tree. Without this a typo would
// read as a machine without GPUs.
func (a *App) CheckSysfs() error {
	root, source := a.Settings.Node.Sysfs, a.Settings.Source("node.sysfs")
	info, err := os.Stat(root)
	if err != nil || !info.IsDir() {
		return Usage("sysfs root %s (from %s) is not a folder", root, source)
	}
	for _, inside := range []string{"sys", "class", "devices", "bus", "module"} {
		if _, err := os.Stat(filepath.Join(root, inside)); err == nil {
			return nil
		}
	}
	return Usage("sysfs root %s (from %s) holds neither sys/ nor what a sys/ holds; give the folder above sys/, or sys/ itself", root, source)
}

package main

import (
	"os"
	"path/filepath"
)

// checkSysfs refuses a folder that is no sysfs tree. Without this a typo would
// read as a machine without GPUs.
func checkSysfs(root string) error {
	info, err := os.Stat(root)
	if err != nil || !info.IsDir() {
		return usage("--sysfs-root %s is not a folder", root)
	}
	for _, inside := range []string{"sys", "class", "devices", "bus", "module"} {
		if _, err := os.Stat(filepath.Join(root, inside)); err == nil {
			return nil
		}
	}
	return usage("--sysfs-root %s holds neither sys/ nor what a sys/ holds; give the folder above sys/, or sys/ itself", root)
}

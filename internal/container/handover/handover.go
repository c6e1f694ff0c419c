// Package handover gives a server its secrets by file. Servers read them from
// their environment, and what stands in a container's configuration can be read
// by whoever may ask the daemon. So the node writes each value to a file that
// the container alone sees, and starts a small program in it, which is this same
// static binary, that moves the files into the environment and becomes the
// server:
//
//	node                          container
//	Write(dir, secrets)  ──▶  /.aim/secrets/HF_TOKEN        read-only mount of dir
//	aim (a copy)         ──▶  /.aim/aim enter /.aim/secrets -- vllm serve ...
//	                            └─ exec: vllm serve ...     same pid, HF_TOKEN in its environment
//
// The image needs nothing for it, not even a shell.
package handover

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/aim-engine/aim"
)

// Where a container sees the program and the secrets, and the command that the
// program is started with.
const (
	Program = "/.aim/aim"
	Folder  = "/.aim/secrets"
	Command = "enter"
)

// Entrypoint is what to start in place of a server's own entrypoint.
func Entrypoint(server []string) []string {
	return append([]string{Program, Command, Folder, "--"}, server...)
}

// Anyone is the owner of files whose reader's uid is not known.
const Anyone = -1

// Write makes dir and fills it with a file a secret. The files are readable by
// uid alone where this process may give them away (root), else by everybody who
// can reach dir; so folders above it are made for this user alone.
func Write(dir string, secrets map[string]string, uid int) error {
	folder, file := fs.FileMode(0o555), fs.FileMode(0o444)
	if os.Geteuid() == 0 && uid != Anyone {
		folder, file = 0o500, 0o400
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("hand over secrets: %w", err)
	}
	var err error
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if !aim.IsEnvName(name) { // it becomes the name of a file
			return fmt.Errorf("hand over secrets: %q is not the name of an environment variable", name)
		}
		path := filepath.Join(dir, name)
		err = errors.Join(err, os.WriteFile(path, []byte(secrets[name]), 0o600), give(path, uid), os.Chmod(path, file))
	}
	if err = errors.Join(err, give(dir, uid), os.Chmod(dir, folder)); err != nil {
		return fmt.Errorf("hand over secrets: %w", err)
	}
	return nil
}

func give(path string, uid int) error {
	if os.Geteuid() != 0 || uid == Anyone {
		return nil
	}
	return os.Lchown(path, uid, -1)
}

// Enter is the container's side: it adds the files of dir to the environment and
// becomes argv. It returns only with an error.
func Enter(dir string, argv []string) error {
	if len(argv) == 0 {
		return errors.New("enter: no command is given")
	}
	env, err := environment(dir, os.Environ())
	if err != nil {
		return err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return fmt.Errorf("enter: %w", err)
	}
	return fmt.Errorf("enter: run %s: %w", program, syscall.Exec(program, argv, env))
}

func environment(dir string, env []string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("enter: read secrets: %w", err)
	}
	for _, e := range entries {
		value, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("enter: read secret: %w", err)
		}
		env = slices.DeleteFunc(env, func(pair string) bool { return strings.HasPrefix(pair, e.Name()+"=") })
		env = append(env, e.Name()+"="+string(value))
	}
	return env, nil
}

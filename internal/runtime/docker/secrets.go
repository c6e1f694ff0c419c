package docker

import (
	"context"
	"crypto/rand"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/internal/container/handover"
)

// handOver puts the secrets of a Spec where its container alone finds them, and
// changes the Spec so that it does (package handover). A Spec without secrets
// stays as it is.
func (r *Runtime) handOver(ctx context.Context, s container.Spec, server string) (container.Spec, error) {
	if len(s.Secrets) == 0 {
		return s, nil
	}
	image, err := r.api.ImageInspect(ctx, s.Image)
	if err != nil {
		return s, err
	}
	about, err := r.About(ctx)
	if err != nil {
		return s, err
	}
	user := s.User
	if c := image.Config; c != nil {
		// An entrypoint that is set by hand takes the image's command away.
		if s.Entrypoint == nil {
			s.Entrypoint = c.Entrypoint
			if len(s.Args) == 0 {
				s.Args = c.Cmd
			}
		}
		if user == "" {
			user = c.User
		}
	}
	// A folder for every try to create it: of two starters one loses, and must
	// not touch what the other's container sees.
	dir := filepath.Join(r.secretsOf(server), rand.Text())
	program, err := r.enterProgram()
	if err == nil {
		err = handover.Write(dir, s.Secrets, about.uidOf(user))
	}
	if err != nil {
		return s, aim.Failf(aim.ClassRuntime, "hand secrets to container %s: %v", server, err)
	}
	s.Entrypoint = handover.Entrypoint(s.Entrypoint)
	s.Mounts = append(s.Mounts[:len(s.Mounts):len(s.Mounts)],
		aim.Mount{Source: program, Target: handover.Program, ReadOnly: true},
		aim.Mount{Source: dir, Target: handover.Folder, ReadOnly: true})
	return s, nil
}

// uidOf is the id on the node of a container's user, if it is a number and
// counts as it does on the node.
func (a About) uidOf(user string) int {
	name, _, _ := strings.Cut(user, ":")
	if name == "" || name == "root" {
		name = "0"
	}
	uid, err := strconv.Atoi(name)
	if err != nil || a.MapsUsers || a.Rootless {
		return handover.Anyone
	}
	return uid
}

func (r *Runtime) secretsOf(server string) string { return filepath.Join(r.opts.SecretDir, server) }

// forget deletes the secrets of a server that is gone.
func (r *Runtime) forget(server string) error {
	if !filepath.IsLocal(server) || filepath.Base(server) != server {
		return fmt.Errorf("server name %q cannot be a folder name", server)
	}
	return os.RemoveAll(r.secretsOf(server))
}

// enterProgram is a copy of this binary in the node's own folder: the binary may
// be replaced by an upgrade, and where the agent is itself in a container the
// daemon does not see it.
func (r *Runtime) enterProgram() (string, error) {
	program := filepath.Join(r.dir, "aim-enter")
	have, err := os.Stat(program)
	mine, errMine := os.Stat(r.opts.Self)
	if errMine != nil {
		return "", errMine
	}
	if err == nil && have.Size() == mine.Size() && have.ModTime().Equal(mine.ModTime()) {
		return program, nil
	}
	if err := isStatic(r.opts.Self); err != nil {
		return "", err
	}
	from, err := os.Open(r.opts.Self)
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := os.CreateTemp(r.dir, ".enter-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(to.Name())
	_, err = io.Copy(to, from)
	err = errors.Join(err, to.Chmod(0o755), to.Close(), os.Chtimes(to.Name(), mine.ModTime(), mine.ModTime()))
	if err != nil {
		return "", err
	}
	return program, os.Rename(to.Name(), program)
}

// isStatic refuses a program that needs a loader, which images need not have.
func isStatic(program string) error {
	f, err := elf.Open(program)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is linked dynamically and cannot start servers in other images; build it with CGO_ENABLED=0", program)
		}
	}
	return nil
}

// secretDir is where secrets lie while their servers run: in memory where this
// process may say so and the daemon sees the same folder, else in dir.
func secretDir(dir string) string {
	const memory = "/run"
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return filepath.Join(dir, "secrets") // /run is this container's own
		}
	}
	if os.Geteuid() != 0 || !filepath.IsAbs(dir) || !isTmpfs(memory) {
		return filepath.Join(dir, "secrets")
	}
	// Several agents of one machine have a folder each.
	return filepath.Join(memory, "aim", strings.ReplaceAll(strings.Trim(dir, "/"), "/", "-"))
}

func isTmpfs(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Type == unix.TMPFS_MAGIC
}

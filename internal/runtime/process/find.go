package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aim-engine/aim"
)

// Find returns the server of this identity, running or ended.
func (r *Runtime) Find(_ context.Context, id aim.Identity) (aim.Server, bool, error) {
	_, s, err := r.see(id)
	if err != nil || s.phase == absent {
		return aim.Server{}, false, err
	}
	return s.server(), true, nil
}

// List returns every server that has a folder, running or ended, by name. A
// folder that cannot be read is left out, so that one damaged file does not take
// the node away: whatever still runs from it is found by the memory it holds.
func (r *Runtime) List(context.Context) ([]aim.Server, error) {
	entries, err := os.ReadDir(r.dir) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("list servers: %w", err)
	}
	var servers []aim.Server
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		s, err := folder(filepath.Join(r.dir, e.Name())).look()
		if err == nil && s.phase != absent && s.plan.Launch.Token != "" {
			servers = append(servers, s.server())
		}
	}
	return servers, nil
}

package docker

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/docker/docker/api/types/container"
)

func TestHeld(t *testing.T) {
	root := t.TempDir()
	dri := filepath.Join(root, "dri")
	if err := os.Mkdir(dri, 0o755); err != nil {
		t.Fatal(err)
	}
	node, link := filepath.Join(dri, "renderD129"), filepath.Join(dri, "pci-0000:05:00.0-render")
	if err := os.WriteFile(node, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(node, link); err != nil {
		t.Fatal(err)
	}
	device := func(paths ...string) *container.HostConfig {
		host := &container.HostConfig{}
		for _, p := range paths {
			host.Devices = append(host.Devices, container.DeviceMapping{PathOnHost: p})
		}
		return host
	}
	rule := func(rule string) *container.HostConfig {
		return &container.HostConfig{Resources: container.Resources{DeviceCgroupRules: []string{rule}}}
	}
	for name, c := range map[string]struct {
		host    *container.HostConfig
		renders []string
		all     bool
	}{
		"nothing":        {&container.HostConfig{}, nil, false},
		"kfd alone":      {device(root + "/kfd"), nil, false},
		"two, one twice": {device(dri+"/renderD130", node, dri+"/renderD130"), []string{"renderD129", "renderD130"}, false},
		"by a link":      {device(link), []string{"renderD129"}, false},
		"the folder":     {device(dri), nil, true},
		"all devices":    {device(root), nil, true},
		"another device": {device("/dev/fuse"), nil, false},
		"privileged":     {&container.HostConfig{Privileged: true}, nil, true},
		"AMD's runtime":  {&container.HostConfig{Runtime: "amd"}, nil, true},
		"by a driver":    {&container.HostConfig{Resources: container.Resources{DeviceRequests: []container.DeviceRequest{{Driver: "cdi"}}}}, nil, true},
		"a rule for DRM": {rule("c 226:* rwm"), nil, true},
		"for all":        {rule("a *:* rwm"), nil, true},
		"for others":     {rule("c 189:* rwm"), nil, false},
		"for disks":      {rule("b 226:* rwm"), nil, false},
	} {
		renders, all := held(c.host, root)
		if !slices.Equal(renders, c.renders) || all != c.all {
			t.Errorf("%s: %v, %v", name, renders, all)
		}
	}
}

// A stranger's container is seen as what it is.
func TestHoldersSeesStrangers(t *testing.T) {
	d := newDaemon(t)
	rt := d.open(t)
	host := &container.HostConfig{Resources: container.Resources{DeviceCgroupRules: []string{"c 226:* rwm"}}}
	cfg := &container.Config{Image: d.image, Cmd: []string{"-listen", "127.0.0.1:0"}}
	made, err := rt.api.ContainerCreate(t.Context(), cfg, host, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer rt.api.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true})
	is := func(h Holder) bool { return h.ID == made.ID }
	if holders, err := rt.Holders(t.Context()); err != nil || slices.ContainsFunc(holders, is) {
		t.Errorf("before it runs: %+v, %v", holders, err)
	}
	if err := rt.api.ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	holders, err := rt.Holders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(holders, is)
	if i < 0 || holders[i].Ours || !holders[i].All || holders[i].Image != d.image || holders[i].Name == "" {
		t.Errorf("holders %+v", holders)
	}
	listed, err := rt.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(listed, func(s aim.Server) bool { return s.ID == made.ID }) {
		t.Errorf("a stranger is listed as ours: %+v", listed)
	}
}

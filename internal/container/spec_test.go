package container_test

import (
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
)

func TestDevicesAreThoseOfTheGPUs(t *testing.T) {
	l := runtimetest.ExampleLaunch()
	l.Simulated = true // a stand-in counts its devices as a server does
	s, err := container.New(l, container.Node{DevRoot: "/dev"})
	if err != nil || len(s.Devices) != 1+len(l.GPUs) {
		t.Errorf("devices %v, %v; want kfd and one a GPU", s.Devices, err)
	}
	l.GPUs = nil
	if s, err := container.New(l, container.Node{DevRoot: "/dev"}); err != nil || len(s.Devices) != 0 {
		t.Errorf("without GPUs: devices %v, %v", s.Devices, err)
	}
}

func TestSpecRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		class  aim.FailureClass
		change func(*aim.Launch)
	}{
		"no address":           {aim.ClassInput, func(l *aim.Launch) { l.Address = "" }},
		"all addresses":        {aim.ClassInput, func(l *aim.Launch) { l.Address = "0.0.0.0" }},
		"all IPv6 addresses":   {aim.ClassInput, func(l *aim.Launch) { l.Address = "::" }},
		"a name":               {aim.ClassInput, func(l *aim.Launch) { l.Address = "localhost" }},
		"no port":              {aim.ClassInput, func(l *aim.Launch) { l.Port = 0 }},
		"no such port":         {aim.ClassInput, func(l *aim.Launch) { l.Port = 70000 }},
		"no such level":        {aim.ClassInput, func(l *aim.Launch) { l.Level = "" }},
		"no image":             {aim.ClassInput, func(l *aim.Launch) { l.Image = "" }},
		"a bad image":          {aim.ClassInput, func(l *aim.Launch) { l.Image = "-v /:/host" }},
		"bad variable":         {aim.ClassInput, func(l *aim.Launch) { l.Env = map[string]string{"A=B": "c"} }},
		"bad value":            {aim.ClassInput, func(l *aim.Launch) { l.SecretEnv = map[string]string{"A": "canary\x00"} }},
		"choice of GPUs":       {aim.ClassInput, func(l *aim.Launch) { l.Env = map[string]string{"HIP_VISIBLE_DEVICES": "0"} }},
		"a GPU twice":          {aim.ClassInput, func(l *aim.Launch) { l.GPUs[1].RenderMinor = new(136) }},
		"an unknown device":    {aim.ClassGPUFault, func(l *aim.Launch) { l.GPUs[1].RenderMinor = nil }},
		"a card":               {aim.ClassGPUFault, func(l *aim.Launch) { l.GPUs[1].RenderMinor = new(0) }},
		"the root":             {aim.ClassInput, func(l *aim.Launch) { l.Mounts[0].Source = "/" }},
		"the devices":          {aim.ClassInput, func(l *aim.Launch) { l.Mounts[0].Source = "/dev/dri" }},
		"a relative source":    {aim.ClassInput, func(l *aim.Launch) { l.Mounts[0].Source = "srv" }},
		"a way up":             {aim.ClassInput, func(l *aim.Launch) { l.Mounts[0].Source = "/srv/../etc" }},
		"the daemon's socket":  {aim.ClassInput, func(l *aim.Launch) { l.Mounts[0].Source = "/var/run/docker.sock" }},
		"the socket elsewhere": {aim.ClassInput, func(l *aim.Launch) { l.Mounts[0].Source = "/srv/docker.sock" }},
		"over the root":        {aim.ClassInput, func(l *aim.Launch) { l.Mounts[0].Target = "/" }},
		"over devices":         {aim.ClassInput, func(l *aim.Launch) { l.Mounts[0].Target = "/dev/dri" }},
		"negative CPUs":        {aim.ClassInput, func(l *aim.Launch) { l.Resources.CPUs = -1 }},
		"endless memory":       {aim.ClassInput, func(l *aim.Launch) { l.Resources.HostBytes = 1 << 63 }},
	} {
		l := runtimetest.ExampleLaunch()
		c.change(&l)
		_, err := container.New(l, container.Node{DevRoot: "/dev"})
		fail := aim.FailureOf(err)
		if fail == nil || fail.Class != c.class || strings.Contains(fail.Text(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a container is configured with can be asked for; secrets are kept apart.
func TestSecretsAreNotInTheEnvironment(t *testing.T) {
	l := runtimetest.ExampleLaunch()
	l.Env["VLLM_API_KEY"] = "shadowed"
	s, err := container.New(l, container.Node{DevRoot: "/dev"})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Env["VLLM_API_KEY"]; ok || s.Secrets["VLLM_API_KEY"] != "canary" {
		t.Errorf("environment %v, secrets %v", s.Env, s.Secrets)
	}
}

package docker

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
)

// deviceGroup is a group that exists nowhere: only GroupAdd can give it.
const deviceGroup = 43210

// devices makes device files of a driver that is not there: opening one that is
// allowed ends with ENXIO, one that the device cgroup forbids with EPERM.
func devices(t *testing.T, minors ...int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("device files can be made by root alone")
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "dri"), 0o755); err != nil {
		t.Fatal(err)
	}
	const drm, kfd = 226, 240 // 240 to 254 are free for local use
	files := map[string]uint64{"kfd": unix.Mkdev(kfd, 0)}
	for _, n := range minors {
		files[fmt.Sprintf("dri/renderD%d", n)] = unix.Mkdev(drm, uint32(n))
	}
	for file, dev := range files {
		path := filepath.Join(root, file)
		if err := unix.Mknod(path, unix.S_IFCHR|0o660, int(dev)); err != nil {
			t.Skipf("device files cannot be made here: %v", err)
		}
		if err := errors.Join(os.Chown(path, 0, deviceGroup), os.Chmod(path, 0o660)); err != nil {
			t.Fatal(err)
		}
	}
	// Go up to the root, so that a user without rights finds the files.
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestContainerHasItsGPUsAlone(t *testing.T) {
	d := newDaemon(t)
	d.cfg.Dev = devices(t, 128, 129, 130)
	launch := d.subject().Launch(t)
	launch.GPUs = []aim.GPU{{ID: "GPU-b", RenderMinor: new(130)}, {ID: "GPU-a", RenderMinor: new(128)}}
	// A folder of the node that happens to hold another GPU's file.
	launch.Mounts = []aim.Mount{{Source: filepath.Join(d.cfg.Dev, "dri"), Target: "/mnt"}}
	rt, about := d.run(t, launch)

	var gpus []string
	for _, file := range about.Dev {
		if strings.Contains(file, "kfd") || strings.Contains(file, "dri") {
			gpus = append(gpus, file)
		}
	}
	if want := []string{"/dev/dri/renderD128", "/dev/dri/renderD130", "/dev/kfd"}; !slices.Equal(gpus, want) {
		t.Errorf("devices %q, want %q", gpus, want)
	}
	if about.UID != 65532 || !slices.Contains(about.Groups, deviceGroup) {
		t.Errorf("user %d, groups %v", about.UID, about.Groups)
	}
	for path, want := range map[string]error{
		"/dev/kfd":            unix.ENXIO,
		"/dev/dri/renderD128": unix.ENXIO,
		"/dev/dri/renderD130": unix.ENXIO,
		"/mnt/renderD129":     unix.EPERM,
	} {
		got := runtimetest.Tell(t, launch, "/open", url.Values{"path": {path}})
		if !strings.HasSuffix(got, want.Error()) {
			t.Errorf("opening %s: %q, want %v", path, got, want)
		}
	}

	server, ok, err := rt.Find(t.Context(), launch.Identity)
	if err != nil || !ok || !slices.Equal(server.GPUs, []string{"GPU-b", "GPU-a"}) || server.Level != aim.LevelStrict {
		t.Errorf("found %v, %+v, %v", ok, server, err)
	}
	holders, err := rt.Holders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(holders, func(h Holder) bool { return h.ID == server.ID })
	if i < 0 || !holders[i].Ours || holders[i].All || holders[i].Name != launch.Server() ||
		!slices.Equal(holders[i].Renders, []string{"renderD128", "renderD130"}) {
		t.Errorf("holders %+v", holders)
	}
}

func TestStartWithoutDeviceFile(t *testing.T) {
	d := newDaemon(t)
	d.cfg.Dev = t.TempDir()
	launch := d.subject().Launch(t)
	launch.GPUs = []aim.GPU{{ID: "GPU-a", RenderMinor: new(128)}}
	_, err := d.open(t).Start(t.Context(), launch)
	if fail := aim.FailureOf(err); fail == nil || fail.Class != aim.ClassGPUFault {
		t.Errorf("start: %v", err)
	}
}

// What the kernel says of the server itself, by level.
func TestContainerIsClosed(t *testing.T) {
	d := newDaemon(t)
	for level, want := range map[aim.ContainerLevel]struct {
		uid              int
		status           []string
		rootFS, tmpNotes string // what writing there answers
	}{
		aim.LevelStrict: {65532, []string{"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"}, "read-only file system", ""},
		aim.LevelCompat: {0, []string{"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"}, "", ""},
		aim.LevelVendor: {0, []string{"NoNewPrivs:\t1", "Seccomp:\t0"}, "", ""},
	} {
		t.Run(string(level), func(t *testing.T) {
			launch := d.subject().Launch(t)
			launch.Level = level
			_, about := d.run(t, launch)
			if about.UID != want.uid {
				t.Errorf("user %d", about.UID)
			}
			for _, line := range want.status {
				if !strings.Contains(about.Status, line+"\n") {
					t.Errorf("status lacks %q:\n%s", line, about.Status)
				}
			}
			for path, want := range map[string]string{"/file": want.rootFS, "/tmp/file": want.tmpNotes} {
				got := runtimetest.Tell(t, launch, "/create", url.Values{"path": {path}})
				if !strings.HasSuffix(got, want) || (want == "" && got != "") {
					t.Errorf("writing %s: %q, want %q", path, got, want)
				}
			}
		})
	}
}

func TestContainerIsPublishedOnOneAddress(t *testing.T) {
	d := newDaemon(t)
	launch := d.subject().Launch(t)
	rt, _ := d.run(t, launch)
	c, err := rt.api.ContainerInspect(t.Context(), launch.Server())
	if err != nil {
		t.Fatal(err)
	}
	if ports := c.NetworkSettings.Ports; len(ports) != 1 || len(ports[exposed]) != 1 || ports[exposed][0].HostIP != launch.Address {
		t.Errorf("published %v", ports)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		ip := a.(*net.IPNet).IP
		if ip.IsLoopback() || ip.To4() == nil {
			continue
		}
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), fmt.Sprint(launch.Port)), time.Second)
		if err == nil {
			conn.Close()
			t.Errorf("it answers on %s too", ip)
		}
	}
}

func TestMemoryLimitIsSeen(t *testing.T) {
	d := newDaemon(t)
	launch := d.subject().Launch(t)
	launch.Resources.HostBytes = 64 << 20
	rt, _ := d.run(t, launch)
	runtimetest.Tell(t, launch, "/eat", url.Values{"mib": {"256"}})
	exit, err := rt.Wait(t.Context(), launch.Identity)
	if err != nil || exit.Code != 137 || !exit.OOM || !strings.Contains(exit.Message, "memory") {
		t.Errorf("exit %+v, %v", exit, err)
	}
}

func TestMountedFolders(t *testing.T) {
	d := newDaemon(t)
	launch := d.subject().Launch(t)
	shared := t.TempDir()
	for _, dir := range []string{shared, filepath.Dir(shared)} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	launch.Mounts = []aim.Mount{{Source: shared, Target: "/cache"}, {Source: shared, Target: "/models", ReadOnly: true}}
	d.run(t, launch)
	if got := runtimetest.Tell(t, launch, "/create", url.Values{"path": {"/cache/file"}}); got != "" {
		t.Errorf("writing a writable folder: %q", got)
	}
	if _, err := os.Stat(filepath.Join(shared, "file")); err != nil {
		t.Error(err)
	}
	got := runtimetest.Tell(t, launch, "/create", url.Values{"path": {"/models/file"}})
	if !strings.HasSuffix(got, unix.EROFS.Error()) {
		t.Errorf("writing a read-only folder: %q", got)
	}
}

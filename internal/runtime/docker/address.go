package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/client"

	"github.com/aim-engine/aim"
)

// Address says which daemon is used, and who chose it.
type Address struct {
	Host  string // unix:///var/run/docker.sock, tcp://127.0.0.1:2375
	From  string // the setting, variable or context that names it; "" = Docker's default
	Other string // another one that may be meant, as a hint; "" = none
}

func (a Address) String() string {
	if a.From == "" {
		return a.Host
	}
	return a.Host + " (from " + a.From + ")"
}

// FindDaemon finds the daemon that the docker command would take: the setting,
// DOCKER_HOST, the context in DOCKER_CONTEXT or the one in use, Docker's default.
// It does not talk to it. A daemon of another machine is a Failure of class
// runtime: it cannot give this machine's GPUs.
func FindDaemon(setting string, env func(string) string) (Address, error) {
	a, err := chosen(setting, env)
	if err != nil {
		return a, err
	}
	return a, a.isHere()
}

func chosen(setting string, env func(string) string) (Address, error) {
	if setting != "" {
		from := "docker.host"
		if setting == env("DOCKER_HOST") {
			from = "DOCKER_HOST"
		}
		return Address{Host: setting, From: from}, nil
	}
	if host := env("DOCKER_HOST"); host != "" {
		return Address{Host: host, From: "DOCKER_HOST"}, nil
	}
	folder := env("DOCKER_CONFIG")
	if home := env("HOME"); folder == "" && home != "" {
		folder = filepath.Join(home, ".docker")
	}
	name, from := env("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	if name == "" {
		name, from = contextInUse(folder), filepath.Join(folder, "config.json")
	}
	if name == "" || name == "default" {
		return Address{Host: client.DefaultDockerHost}, nil
	}
	host, err := contextHost(folder, name)
	if err != nil {
		return Address{}, aim.Failf(aim.ClassRuntime, "the Docker context %q, which %s names, cannot be used: %v", name, from, err).
			WithHint("choose another (docker context use default), or set docker.host")
	}
	return Address{
		Host: host, From: fmt.Sprintf("Docker context %q", name),
		Other: fmt.Sprintf("the usual socket is %s: set DOCKER_HOST to it if that daemon is meant", client.DefaultDockerHost),
	}, nil
}

// contextInUse is what `docker context use` has written; "" for none. A file that
// cannot be read names none: whoever pulls will hear of it.
func contextInUse(folder string) string {
	var file struct {
		Current string `json:"currentContext"`
	}
	data, err := os.ReadFile(filepath.Join(folder, "config.json"))
	if err != nil || json.Unmarshal(data, &file) != nil {
		return ""
	}
	return file.Current
}

// contextHost is the address in a context of the docker command, which keeps each
// in a folder named by the digest of its name.
func contextHost(folder, name string) (string, error) {
	digest := sha256.Sum256([]byte(name))
	path := filepath.Join(folder, "contexts", "meta", hex.EncodeToString(digest[:]), "meta.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("there is no such context")
	}
	if err != nil {
		return "", err
	}
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if host := meta.Endpoints["docker"].Host; host != "" {
		return host, nil
	}
	return client.DefaultDockerHost, nil
}

// isHere refuses the daemon of another machine.
func (a Address) isHere() error {
	scheme, rest, _ := strings.Cut(a.Host, "://")
	switch scheme {
	case "unix":
		return nil
	case "ssh", "npipe":
	case "tcp", "http", "https":
		if u, err := url.Parse(a.Host); err == nil && isLocal(u.Hostname()) {
			return nil
		}
	default:
		return aim.Failf(aim.ClassRuntime, "%q is not the address of a Docker daemon", a).
			WithHint("write it as unix:///var/run/docker.sock")
	}
	return aim.Failf(aim.ClassRuntime, "the Docker daemon at %s is one of another machine (%s): it cannot give this machine's GPUs", a, rest).
		WithHint("run the node agent on that machine, or set DOCKER_HOST=%s for the daemon of this one", client.DefaultDockerHost)
}

// isLocal tells whether a host is this machine, without asking a name server.
func isLocal(host string) bool {
	if host == "localhost" || host == "" {
		return true
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return false
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return ip.IsLoopback()
	}
	for _, addr := range own {
		if n, ok := addr.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return ip.IsLoopback()
}

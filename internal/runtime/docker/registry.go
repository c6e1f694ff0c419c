package docker

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/docker/docker/api/types/registry"
)

// dockerConfig is where "docker login" keeps credentials, "" without a home.
func dockerConfig() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return filepath.Join(dir, "config.json")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".docker", "config.json")
}

// registryAuth is the header with the credentials that the file has for a
// registry; "" when it has none. Credential helpers are programs of the docker
// command and are not run.
func registryAuth(file, host string) (string, error) {
	data, err := os.ReadFile(file)
	if file == "" || errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", aim.Failf(aim.ClassRuntime, "read registry credentials: %v", err)
	}
	auth, err := credentials(data, host)
	if err != nil {
		return "", aim.Failf(aim.ClassRuntime, "read registry credentials in %s: %v", file, err)
	}
	if auth == (registry.AuthConfig{}) {
		return "", nil
	}
	return registry.EncodeAuthConfig(auth)
}

// credentials finds a registry in the text of a config.json.
func credentials(config []byte, host string) (registry.AuthConfig, error) {
	var file struct {
		Auths map[string]registry.AuthConfig `json:"auths"`
	}
	if err := json.Unmarshal(config, &file); err != nil {
		return registry.AuthConfig{}, err
	}
	if host == "docker.io" {
		host = "index.docker.io" // the name under which docker login files it
	}
	for key, auth := range file.Auths {
		if registryHost(key) != host {
			continue
		}
		if auth.Auth == "" {
			return auth, nil
		}
		pair, err := base64.StdEncoding.DecodeString(auth.Auth)
		user, password, ok := strings.Cut(strings.TrimRight(string(pair), "\x00"), ":")
		if err != nil || !ok {
			return registry.AuthConfig{}, errors.New("the entry of " + host + " is not base64 of user:password")
		}
		return registry.AuthConfig{Username: user, Password: password, ServerAddress: key, IdentityToken: auth.IdentityToken}, nil
	}
	return registry.AuthConfig{}, nil
}

// registryHost is the host of a key of auths: "https://index.docker.io/v1/" and
// "index.docker.io" name the same.
func registryHost(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, _, _ := strings.Cut(key, "/")
	return host
}

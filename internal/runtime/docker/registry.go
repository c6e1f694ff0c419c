package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	store "github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/config/types"
	"github.com/docker/docker/api/types/registry"

	"github.com/aim-engine/aim"
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

// credentials are what `docker pull` would use on this node for a registry.
type credentials struct {
	header string // for the daemon; "" = none: the pull is anonymous
	source string // where they come from, or would have come from, for people
	err    error  // why what is configured could not be used; the pull is anonymous
}

// helperPatience bounds a credential helper: it may wait for a person.
const helperPatience = 30 * time.Second

// credentialsFor asks the file of the docker command, and the credential store
// or helper that it names for the registry, as that command does. A file that
// cannot be read is a Failure of class runtime.
func credentialsFor(ctx context.Context, file, host string) (credentials, error) {
	conf, err := loadConfig(file)
	if err != nil || conf == nil {
		return credentials{}, err
	}
	key := host
	if host == "docker.io" {
		key = "https://index.docker.io/v1/" // the name under which docker login files it
		for _, by := range []string{"index.docker.io", "docker.io"} {
			if _, byHand := conf.CredentialHelpers[by]; byHand {
				key = by
			}
		}
	}
	c := credentials{source: file}
	helper := conf.CredentialsStore
	if h, ok := conf.CredentialHelpers[key]; ok {
		helper = h
	}
	if helper != "" {
		program := "docker-credential-" + helper
		c.source = fmt.Sprintf("%s, which %s names", program, file)
		if _, err := exec.LookPath(program); err != nil {
			c.err = fmt.Errorf("%s names %s, which is not on the PATH of this agent", file, program)
			return c, nil
		}
	}
	auth, err := askHelper(ctx, conf, key)
	if err != nil {
		c.err = fmt.Errorf("%s: %w", c.source, err)
		return c, nil
	}
	if auth.Username == "" && auth.Password == "" && auth.Auth == "" && auth.IdentityToken == "" && auth.RegistryToken == "" {
		return c, nil
	}
	c.header, err = registry.EncodeAuthConfig(registry.AuthConfig{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth, ServerAddress: auth.ServerAddress,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	})
	return c, err
}

// askHelper bounds what the library runs without a context.
func askHelper(ctx context.Context, conf *configfile.ConfigFile, key string) (types.AuthConfig, error) {
	ctx, cancel := context.WithTimeout(ctx, helperPatience)
	defer cancel()
	type answer struct {
		auth types.AuthConfig
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // ends with the helper
		auth, err := conf.GetAuthConfig(key)
		answers <- answer{auth, err}
	}()
	select {
	case a := <-answers:
		return a.auth, a.err
	case <-ctx.Done():
		return types.AuthConfig{}, fmt.Errorf("no answer within %s: %w", helperPatience, ctx.Err())
	}
}

// loadConfig reads the file; nil where there is none.
func loadConfig(file string) (*configfile.ConfigFile, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var conf *configfile.ConfigFile
	if err == nil {
		defer f.Close()
		conf, err = config.LoadFromReader(f)
	}
	if err != nil {
		return nil, aim.Failf(aim.ClassRuntime, "read registry credentials in %s: %v", file, err).
			WithHint("correct the file, or log in again on this node: docker login")
	}
	if !conf.ContainsAuth() {
		// As the docker command does: a store that is installed is used unasked.
		conf.CredentialsStore = store.DetectDefaultStore(conf.CredentialsStore)
	}
	return conf, nil
}

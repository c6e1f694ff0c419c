package docker

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/registry"

	"github.com/aim-engine/aim"
)

// helper puts a credential helper on PATH that knows one server; any other it
// does not know, as helpers say it.
func helper(t *testing.T, name, server, user, password string) {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf(`#!/bin/sh
read -r asked
[ "$1" = get ] || exit 1
if [ "$asked" = %q ]; then
    echo '{"ServerURL":"'"$asked"'","Username":%q,"Secret":%q}'
else
    echo "credentials not found in native keychain"
    exit 1
fi
`, server, user, password)
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCredentialsAreThoseOfTheDockerCommand(t *testing.T) {
	helper(t, "test", "127.0.0.1:5000", "me", "from-helper")
	pair := base64.StdEncoding.EncodeToString([]byte("me:pa:ss"))
	for name, c := range map[string]struct {
		config, host string
		user, pass   string
		token        string
	}{
		"a file":                       {config: `{"auths":{"ghcr.io":{"auth":"` + pair + `"}}}`, host: "ghcr.io", user: "me", pass: "pa:ss"},
		"Docker Hub's old name":        {config: `{"auths":{"https://index.docker.io/v1/":{"auth":"` + pair + `"}}}`, host: "docker.io", user: "me", pass: "pa:ss"},
		"an address with a path":       {config: `{"auths":{"https://quay.io/v2/":{"auth":"` + pair + `"}}}`, host: "quay.io", user: "me", pass: "pa:ss"},
		"a token":                      {config: `{"auths":{"ghcr.io":{"identitytoken":"tok"}}}`, host: "ghcr.io", token: "tok"},
		"another registry":             {config: `{"auths":{"ghcr.io":{"auth":"` + pair + `"}}}`, host: "quay.io"},
		"a store":                      {config: `{"auths":{"127.0.0.1:5000":{}},"credsStore":"test"}`, host: "127.0.0.1:5000", user: "me", pass: "from-helper"},
		"a store that does not know":   {config: `{"auths":{"ghcr.io":{}},"credsStore":"test"}`, host: "ghcr.io"},
		"a helper of one registry":     {config: `{"credHelpers":{"127.0.0.1:5000":"test"}}`, host: "127.0.0.1:5000", user: "me", pass: "from-helper"},
		"a helper of another registry": {config: `{"credHelpers":{"ghcr.io":"test"},"auths":{"127.0.0.1:5000":{"auth":"` + pair + `"}}}`, host: "127.0.0.1:5000", user: "me", pass: "pa:ss"},
		"nothing":                      {config: `{}`, host: "docker.io"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := credentialsFor(t.Context(), configFile(t, c.config), c.host)
			if err != nil || got.err != nil {
				t.Fatal(err, got.err)
			}
			auth := &registry.AuthConfig{}
			if got.header != "" {
				if auth, err = registry.DecodeAuthConfig(got.header); err != nil {
					t.Fatal(err)
				}
			}
			if auth.Username != c.user || auth.Password != c.pass || auth.IdentityToken != c.token {
				t.Errorf("%+v", auth)
			}
		})
	}
}

func TestHelperForDockerHubByItsShortName(t *testing.T) {
	helper(t, "hub", "docker.io", "me", "secret")
	got, err := credentialsFor(t.Context(), configFile(t, `{"credHelpers":{"docker.io":"hub"}}`), "docker.io")
	if err != nil || got.err != nil || got.header == "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNoCredentialsWithoutAFile(t *testing.T) {
	for _, file := range []string{"", filepath.Join(t.TempDir(), "none.json")} {
		if got, err := credentialsFor(t.Context(), file, "docker.io"); got.header != "" || err != nil {
			t.Errorf("%q: %+v, %v", file, got, err)
		}
	}
	if _, err := credentialsFor(t.Context(), configFile(t, "{"), "ghcr.io"); aim.FailureOf(err) == nil || aim.FailureOf(err).Class != aim.ClassRuntime {
		t.Errorf("half a file: %v", err)
	}
}

// What is named and cannot be used is told where it matters, which is when the
// registry refuses; "log in" would not help.
func TestARefusalTellsWhyCredentialsWereNotUsed(t *testing.T) {
	refusal := fmt.Errorf("pull access denied for a/b")
	for name, c := range map[string]struct{ config, says, not string }{
		"the helper is missing": {`{"auths":{"docker.io":{}},"credsStore":"nowhere"}`, "docker-credential-nowhere, which is not on the PATH", "log in on this node"},
		"the helper fails":      {`{"auths":{"docker.io":{}},"credsStore":"broken"}`, "keychain is locked", "log in on this node"},
		"nothing for it":        {`{"auths":{"ghcr.io":{"auth":"bWU6cGFzcw=="}}}`, "the pull was anonymous", "could not be used"},
		"they are refused":      {`{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6cGFzcw=="}}}`, "the credentials are those of", "anonymous"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "docker-credential-broken"), []byte("#!/bin/sh\necho keychain is locked; exit 1\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			login, err := credentialsFor(t.Context(), configFile(t, c.config), "docker.io")
			if err != nil {
				t.Fatal(err)
			}
			fail := aim.FailureOf(pullFailure(refusal, "a/b:c", login))
			if fail.Class != aim.ClassAuth || !strings.Contains(fail.Text(), c.says) || strings.Contains(fail.Text(), c.not) || strings.Contains(fail.Text(), "pass\"") {
				t.Errorf("%s", fail.Text())
			}
		})
	}
}

func TestPullWithACredentialHelper(t *testing.T) {
	d := newDaemon(t)
	s := newShelf(t, "me")
	host := s.Listener.Addr().String()
	helper(t, "test", host, "me", "pass")
	d.opts.DockerConfig = configFile(t, fmt.Sprintf(`{"auths":{%q:{}},"credsStore":"test"}`, host))
	if _, err := pull(t, d.open(t), s.ref(":v1")); err != nil {
		t.Error(err)
	}
}

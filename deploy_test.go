package aim_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim/internal/config"
)

// composeFile is what docker-compose.yml may hold; another key is a mistake.
// `make lint` checks the file against the schema of the Compose Specification.
type composeFile struct {
	Name     string                    `yaml:"name"`
	Services map[string]composeService `yaml:"services"`
	Volumes  map[string]any            `yaml:"volumes"`
	Networks map[string]any            `yaml:"networks"`
}

type composeService struct {
	Image       string            `yaml:"image"`
	Build       map[string]string `yaml:"build"`
	Profiles    []string          `yaml:"profiles"`
	Entrypoint  []string          `yaml:"entrypoint"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	DependsOn   map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Volumes     []string       `yaml:"volumes"`
	Ports       []string       `yaml:"ports"`
	Devices     []string       `yaml:"devices"`
	Tmpfs       []string       `yaml:"tmpfs"`
	Healthcheck map[string]any `yaml:"healthcheck"`
	Restart     string         `yaml:"restart"`
	StopGrace   string         `yaml:"stop_grace_period"`
	NetworkMode string         `yaml:"network_mode"`
	Networks    map[string]any `yaml:"networks"`
	PID         string         `yaml:"pid"`
	User        string         `yaml:"user"`
	ReadOnly    bool           `yaml:"read_only"`
	CapDrop     []string       `yaml:"cap_drop"`
	CapAdd      []string       `yaml:"cap_add"`
	SecurityOpt []string       `yaml:"security_opt"`
}

var variable = regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`)

// readCompose reads the file as compose does where no variable is set.
func readCompose(t *testing.T) composeFile {
	t.Helper()
	text := variable.ReplaceAllString(read(t, "docker-compose.yml"), "$1")
	if strings.Contains(text, "${") {
		t.Fatal("docker-compose.yml has a variable without a default")
	}
	var f composeFile
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		t.Fatal(err)
	}
	if len(f.Services) == 0 {
		t.Fatal("docker-compose.yml has no services")
	}
	return f
}

func TestComposeImagesArePinned(t *testing.T) {
	for name, s := range readCompose(t).Services {
		_, tag, _ := strings.Cut(s.Image, ":")
		if tag == "" || tag == "latest" {
			t.Errorf("service %s: image %q has no tag that stays", name, s.Image)
		}
		if s.Build == nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(s.Build["context"], s.Build["dockerfile"])); err != nil {
			t.Errorf("service %s: %v", name, err)
		}
	}
}

// What is deployed is what the scenarios run against.
func TestComposeHasTheVersionsOfDevserver(t *testing.T) {
	mod := read(t, "devserver/go.mod")
	f := readCompose(t)
	for service, required := range map[string]string{
		"temporal":        "go.temporal.io/server",
		"temporal-schema": "go.temporal.io/server",
		"temporal-ui":     "github.com/temporalio/ui-server/v2",
		"nats":            "github.com/nats-io/nats-server/v2",
	} {
		m := regexp.MustCompile(`\t` + regexp.QuoteMeta(required) + ` v([0-9.]+)\n`).FindStringSubmatch(mod)
		if m == nil {
			t.Fatalf("devserver/go.mod does not require %s", required)
		}
		_, tag, _ := strings.Cut(f.Services[service].Image, ":")
		if strings.TrimSuffix(tag, "-alpine") != m[1] {
			t.Errorf("service %s has %s, devserver has %s", service, f.Services[service].Image, m[1])
		}
	}
}

func TestComposeRefersToWhatIsThere(t *testing.T) {
	f := readCompose(t)
	for name, s := range f.Services {
		for on, d := range s.DependsOn {
			other, ok := f.Services[on]
			switch {
			case !ok:
				t.Errorf("service %s depends on %s, which is not there", name, on)
			case d.Condition == "service_healthy" && other.Healthcheck == nil:
				t.Errorf("service %s waits for %s to be healthy, which has no health check", name, on)
			case d.Condition == "service_completed_successfully" && !strings.HasPrefix(other.Restart, "on-failure"):
				t.Errorf("service %s waits for the end of %s, which restarts %q", name, on, other.Restart)
			}
		}
		for _, v := range s.Volumes {
			source, target, _ := strings.Cut(v, ":")
			if !filepath.IsAbs(target) {
				t.Errorf("service %s: volume %s has no absolute path inside", name, v)
			}
			if strings.HasPrefix(source, "./") {
				if _, err := os.Stat(source); err != nil {
					t.Errorf("service %s: %v", name, err)
				}
			} else if _, named := f.Volumes[source]; !named && !filepath.IsAbs(source) {
				t.Errorf("service %s: volume %s is not declared", name, source)
			}
		}
	}
}

// Nobody is asked for credentials, so nothing leaves the machine unasked.
func TestComposePublishesOnLoopback(t *testing.T) {
	published := 0
	for name, s := range readCompose(t).Services {
		for _, p := range s.Ports {
			published++
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("service %s publishes %s", name, p)
			}
		}
	}
	if published == 0 {
		t.Error("nothing is published")
	}
}

// Our own services are given settings that exist, with values that are valid.
func TestComposeSettings(t *testing.T) {
	f := readCompose(t)
	for _, name := range []string{"setup", "control", "node"} {
		t.Run(name, func(t *testing.T) {
			checkSettings(t, f.Services[name].Environment)
			checkCommand(t, f.Services[name].Command)
		})
	}
}

// checkSettings loads the settings from this environment, as the daemon does.
func checkSettings(t *testing.T, environment map[string]string) {
	t.Helper()
	for _, pair := range os.Environ() {
		if len(config.Environ([]string{pair})) == 0 { // it is a setting
			name, _, _ := strings.Cut(pair, "=")
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", t.TempDir())
	settings := 0
	for name, value := range environment {
		if strings.HasPrefix(name, "AIM_") {
			settings++
			if len(config.Environ([]string{name + "=" + value})) != 0 {
				t.Errorf("%s is not a setting", name)
			}
		}
		t.Setenv(name, value)
	}
	if settings == 0 {
		t.Error("no setting is given")
	}
	if _, err := config.Load(config.Options{}); err != nil {
		t.Error(err)
	}
}

// checkCommand looks a command up in the manual, which is generated from the
// program.
func checkCommand(t *testing.T, words []string) {
	t.Helper()
	if heading := "\n## aim " + strings.Join(words, " ") + "\n"; !strings.Contains(read(t, "docs/cli.md"), heading) {
		t.Errorf("docs/cli.md has no command `aim %s`", strings.Join(words, " "))
	}
}

// The folders that the agent names to Docker must be the same ones for both.
func TestComposeNodeSeesTheMachine(t *testing.T) {
	n := readCompose(t).Services["node"]
	for _, key := range []string{"AIM_NODE_DIR", "AIM_NODE_CACHE"} {
		path := n.Environment[key]
		if path == "" || !slices.Contains(n.Volumes, path+":"+path) {
			t.Errorf("%s=%q is not mounted at its own path", key, path)
		}
	}
	for _, v := range []string{"/sys:/sys:ro", "/var/run/docker.sock:/var/run/docker.sock"} {
		if !slices.Contains(n.Volumes, v) {
			t.Errorf("%s is not mounted", v)
		}
	}
	if len(n.CapAdd) > 1 || n.Environment["AIM_NODE_ADDRESS"] != "" {
		t.Errorf("capabilities %v, endpoints on %q unasked", n.CapAdd, n.Environment["AIM_NODE_ADDRESS"])
	}
	if n.NetworkMode != "host" || !slices.Equal(n.Devices, []string{"/dev/kfd", "/dev/dri"}) || !slices.Equal(n.Profiles, []string{"node"}) {
		t.Errorf("network %q, devices %v, profiles %v", n.NetworkMode, n.Devices, n.Profiles)
	}
	for _, name := range []string{"setup", "control", "node"} {
		s := readCompose(t).Services[name]
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("service %s is not closed: read-only %v, dropped %v, %v", name, s.ReadOnly, s.CapDrop, s.SecurityOpt)
		}
	}
}

// Under our configuration a client without credentials hears who comes and goes.
func TestNATSConfigTellsWhoLeaves(t *testing.T) {
	opts, err := natsserver.ProcessConfigFile("deploy/nats/nats-server.conf")
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.HTTPPort, opts.NoSigs, opts.NoLog = "127.0.0.1", natsserver.RANDOM_PORT, -1, true, true
	server, err := natsserver.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Shutdown)
	if !server.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS is not ready")
	}
	listener, err := nats.Connect(server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(listener.Close)
	events, err := listener.SubscribeSync("$SYS.ACCOUNT.*.DISCONNECT")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Flush(); err != nil {
		t.Fatal(err)
	}
	other, err := nats.Connect(server.ClientURL(), nats.Name("leaver"))
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	event, err := events.NextMsg(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(event.Data, []byte("leaver")) {
		t.Errorf("heard %s: %s", event.Subject, event.Data)
	}
}

// Units run commands and settings that exist.
func TestUnits(t *testing.T) {
	for _, name := range []string{"control", "node"} {
		t.Run(name, func(t *testing.T) {
			unit := read(t, "deploy/systemd/aim-"+name+".service")
			start := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/aim (.+)$`).FindStringSubmatch(unit)
			environment := regexp.MustCompile(`(?m)^Environment=(.+)$`).FindStringSubmatch(unit)
			if start == nil || environment == nil {
				t.Fatalf("ExecStart or Environment is missing:\n%s", unit)
			}
			checkCommand(t, strings.Fields(start[1]))
			settings := map[string]string{}
			for _, pair := range strings.Fields(environment[1]) {
				key, value, _ := strings.Cut(pair, "=")
				settings[key] = value
			}
			checkSettings(t, settings)
		})
	}
	if !strings.Contains(read(t, "deploy/systemd/aim-node.service"), "\nKillMode=process\n") {
		t.Error("a restart of aim-node.service would end the servers of the process runtime")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

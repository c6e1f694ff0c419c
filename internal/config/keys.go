package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
)

// key is one setting: its name in the file, where its value goes, and what the
// value must look like.
type key struct {
	name    string
	into    any      // pointer to the field of Settings; its type decides how text is read
	initial any      // the default, of the field's type
	usual   []string // environment names that other tools use for it
	check   func() error
}

// environment is the name of the setting in the environment.
func (k key) environment() string {
	return "AIM_" + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

// keys is the one table of settings. Defaults that are addresses are on
// loopback: nothing is opened to a network unasked.
func (s *Settings) keys(host, home string) []key {
	n := &s.Node
	return []key{
		{"output", &s.Output, "table", nil, oneOf(&s.Output, Outputs()...)},
		{"color", &s.Color, "auto", nil, oneOf(&s.Color, Colors()...)},
		{"log_level", &s.LogLevel, s.LogLevel, nil, nil}, // slog's zero value is info
		{"dir", &s.Dir, stateDir(home), nil, folder(&s.Dir)},

		{"temporal.address", &s.Temporal.Address, "127.0.0.1:7233", []string{"TEMPORAL_ADDRESS"}, frontends(&s.Temporal.Address)},
		{"temporal.namespace", &s.Temporal.Namespace, "default", []string{"TEMPORAL_NAMESPACE"}, given(&s.Temporal.Namespace)},
		{"temporal.api_key", &s.Temporal.APIKey, "env:TEMPORAL_API_KEY", nil, secretRef(&s.Temporal.APIKey)},
		{"temporal.tls_cert", &s.Temporal.TLSCert, "", []string{"TEMPORAL_TLS_CLIENT_CERT_PATH"}, nil},
		{"temporal.tls_key", &s.Temporal.TLSKey, "", []string{"TEMPORAL_TLS_CLIENT_KEY_PATH"}, nil},
		{"temporal.tls_ca", &s.Temporal.TLSCA, "", []string{"TEMPORAL_TLS_SERVER_CA_CERT_PATH"}, nil},
		{"nats.url", &s.NATS.URL, "nats://127.0.0.1:4222", []string{"NATS_URL"}, natsURL(&s.NATS.URL)},
		{"nats.creds", &s.NATS.Creds, "", []string{"NATS_CREDS"}, nil},
		{"nats.tls_cert", &s.NATS.TLSCert, "", []string{"NATS_CERT"}, nil}, // the names of the nats command
		{"nats.tls_key", &s.NATS.TLSKey, "", []string{"NATS_KEY"}, nil},
		{"nats.tls_ca", &s.NATS.TLSCA, "", []string{"NATS_CA"}, nil},
		{"docker.host", &n.DockerHost, "", []string{"DOCKER_HOST"}, nil},

		{"control.id", &s.Control.ID, "", nil, nil},
		{"control.metrics", &s.Control.Metrics, "127.0.0.1:9470", nil, hostPortOrNone(&s.Control.Metrics)},
		{"control.recipes", &s.Control.Recipes, []string(nil), nil, nil},
		{"control.relief", &s.Control.Relief, "off", nil, oneOf(&s.Control.Relief, "off", "propose", "move", "preempt")},
		{"control.admin", &s.Control.Admin, "127.0.0.1:9473", nil, loopbackOrNone(&s.Control.Admin)},
		{"control.store", &s.Control.Store, "", nil, storeAddress(&s.Control.Store)},
		{"control.admin_token_file", &s.Control.Token, "", nil, folder(&s.Control.Token)},
		{"admin.url", &s.Admin.URL, "http://127.0.0.1:9473", nil, httpURL(&s.Admin.URL)},
		{"admin.token", &s.Admin.Token, "", nil, secretRef(&s.Admin.Token)},

		{"gateway.listen", &s.Gateway.Listen, "127.0.0.1:8000", nil, hostPort(&s.Gateway.Listen)},
		{"gateway.metrics", &s.Gateway.Metrics, "127.0.0.1:9472", nil, hostPortOrNone(&s.Gateway.Metrics)},
		{"gateway.dir", &s.Gateway.Dir, "", nil, folder(&s.Gateway.Dir)},
		{"gateway.tls_cert", &s.Gateway.TLSCert, "", nil, nil},
		{"gateway.tls_key", &s.Gateway.TLSKey, "", nil, nil},
		{"gateway.max_body", &s.Gateway.MaxBody, 32 << 20, nil, positiveCount(&s.Gateway.MaxBody)},
		{"gateway.hold", &s.Gateway.Hold, 30 * time.Second, nil, positive(&s.Gateway.Hold)},
		{"gateway.waiting", &s.Gateway.Waiting, 1024, nil, positiveCount(&s.Gateway.Waiting)},
		{"gateway.outstanding", &s.Gateway.Outstanding, 256, nil, positiveCount(&s.Gateway.Outstanding)},

		{"node.id", &n.ID, aim.NameOf(host), nil, label(&n.ID)},
		{"node.address", &n.Address, "", nil, address(&n.Address)},
		{"node.labels", &n.Labels, map[string]string(nil), nil, nil},
		{"node.dir", &n.Dir, "", nil, folder(&n.Dir)}, // by default below dir, see Load
		{"node.metrics", &n.Metrics, "127.0.0.1:9471", nil, hostPortOrNone(&n.Metrics)},
		{"node.sysfs", &n.Sysfs, "/", nil, folder(&n.Sysfs)},
		{"node.dev", &n.Dev, "/dev", nil, folder(&n.Dev)},
		{"node.runtime", &n.Runtime, "", nil, oneOf(&n.Runtime, "", "docker", "process")},
		{"node.commands", &n.Commands, map[string][]string(nil), nil, backendCommands(&n.Commands)},
		// Below the range that Linux gives to outgoing connections (32768 and up).
		{"node.ports", &n.Ports, settings.Ports{First: 21000, Last: 21999}, nil, nil},
		{"node.shares", &n.Shares, false, nil, nil},
		{"node.level", &n.Level, aim.LevelCompat, nil, oneOf(&n.Level, aim.LevelStrict, aim.LevelCompat, aim.LevelVendor)},
		{"node.registries", &n.Registries, []string(nil), nil, imageRules(&n.Registries)},
		{"node.env_allowed", &n.EnvAllowed, []string(nil), nil, nil},
		{"node.env_inherit", &n.EnvInherit, []string(nil), nil, nil},
		{"node.server_user", &n.ServerUser, "", nil, nil},
		{"node.secrets", &n.Secrets, []string(nil), nil, secretRefs(&n.Secrets)},
		{"node.grace", &n.Grace, 30 * time.Second, nil, positive(&n.Grace)},
		{"node.cache", &n.Cache, filepath.Join(home, ".cache", "huggingface"), []string{"HF_HOME"}, folder(&n.Cache)},
		{"node.hub_endpoint", &n.HubEndpoint, "", []string{"HF_ENDPOINT"}, httpURL(&n.HubEndpoint)},
		{"node.hub_offline", &n.HubOffline, false, []string{"HF_HUB_OFFLINE"}, nil},
		{"node.hub_token", &n.HubToken, "env:HF_TOKEN", nil, secretRef(&n.HubToken)},
		{"node.weight_roots", &n.WeightRoots, []string(nil), nil, nil},
		{"node.remote_code", &n.RemoteCode, []string(nil), nil, nil},
		{"node.simulate_root", &n.SimulateRoot, "", nil, nil},
		{"node.rescan", &n.Rescan, 30 * time.Second, nil, positive(&n.Rescan)},
		{"node.silence", &n.Silence, 30 * time.Second, nil, positive(&n.Silence)},
	}
}

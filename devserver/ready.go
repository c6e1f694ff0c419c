package devserver

import (
	"encoding/json"
	"fmt"

	natsserver "github.com/nats-io/nats-server/v2/server"
	uiversion "github.com/temporalio/ui-server/v2/server/version"
	"go.temporal.io/server/common/headers"
)

// Ready says where everything is. Fields are only ever added.
type Ready struct {
	PID int `json:"pid"`
	// TemporalAddress is host:port of the gRPC frontend.
	TemporalAddress string `json:"temporal_address"`
	// UIAddress is the http:// URL of the Temporal UI.
	UIAddress string `json:"ui_address"`
	// NATSURL is a nats:// URL; no credentials are asked for.
	NATSURL   string `json:"nats_url"`
	Namespace string `json:"namespace"`
	Version   string `json:"version"`
}

// JSON returns Ready on one line.
func (r Ready) JSON() ([]byte, error) {
	line, err := json.Marshal(r)
	return append(line, '\n'), err
}

// Version names the servers inside, such as "temporal 1.32.1, ui 2.55.0, nats 2.15.2".
func Version() string {
	return fmt.Sprintf("temporal %s, ui %s, nats %s", headers.ServerVersion, uiversion.UIVersion, natsserver.VERSION)
}

package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aim-engine/aim/internal/filelock"
)

// Stack is what one `aim up` keeps in its folder, as up.json: the addresses that
// a later `aim up` takes again and other commands find by themselves. It stays
// when the stack is down.
type Stack struct {
	PID             int         `json:"pid"`         // of `aim up`; 0 = it was stopped
	StartTicks      uint64      `json:"start_ticks"` // of that process, against a pid used again
	Ready           bool        `json:"ready"`
	External        bool        `json:"external,omitempty"` // Temporal and NATS are not ours
	TemporalAddress string      `json:"temporal_address"`
	Namespace       string      `json:"namespace"`
	NATSURL         string      `json:"nats_url"`
	UIAddress       string      `json:"ui_address,omitempty"`
	AdminURL        string      `json:"admin_url,omitempty"`   // of control
	GatewayURL      string      `json:"gateway_url,omitempty"` // where clients ask, without /v1
	Simulate        string      `json:"simulate,omitempty"`    // NxM; "" = this machine's own GPUs
	PortFirst       int         `json:"port_first,omitempty"`
	Nodes           []StackNode `json:"nodes"`
	Since           time.Time   `json:"since"`
}

// StackNode is a node that `aim up` runs.
type StackNode struct {
	ID        string `json:"id"`
	Simulated bool   `json:"simulated,omitempty"`
}

func stackFile(dir string) string { return filepath.Join(dir, "up.json") }

// ReadStack reads what `aim up` keeps in dir; the error is fs.ErrNotExist when
// there has been none.
func ReadStack(dir string) (Stack, error) {
	var s Stack
	data, err := os.ReadFile(stackFile(dir))
	if err != nil {
		return s, fmt.Errorf("read the state of aim up: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read %s: %w; delete it to start with new addresses", stackFile(dir), err)
	}
	return s, nil
}

// Write keeps the state in dir. Readers see the old content or the new one.
func (s Stack) Write(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the state of aim up: %w", err)
	}
	if err := filelock.Replace(stackFile(dir), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the state of aim up: %w", err)
	}
	return nil
}

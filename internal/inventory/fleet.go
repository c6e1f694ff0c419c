package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// FleetAnswer is what a reader outside control gets to know.
type FleetAnswer struct {
	Fleet aim.Fleet
	Held  string // why control holds back replacements, "" = it does not
	// Note is "" when control answered. Otherwise the nodes were asked directly:
	// those that are silent, away or lost are missing, and the note says so.
	Note string
}

// fleetJSON is control's answer on the wire.
type fleetJSON struct {
	Version int             `json:"version"`
	Nodes   []aim.FleetNode `json:"nodes"`
	Held    string          `json:"held,omitempty"`
}

const (
	fleetVersion = 1
	// controlWithin is how long control may take to begin its answer.
	controlWithin = 2 * time.Second
	// Nodes that are asked directly answer within milliseconds of each other; a
	// pause as long as this means that there are no more.
	nodesQuiet  = 400 * time.Millisecond
	nodesWithin = 3 * time.Second
)

// answerFleet is control's side.
func (v *View) answerFleet(_ context.Context, _ string, _ []byte, write func([]byte) error) error {
	_, held := v.Held()
	data, err := json.Marshal(fleetJSON{Version: fleetVersion, Nodes: v.Fleet().Nodes, Held: held})
	if err != nil {
		return err
	}
	return write(data)
}

// AskFleet asks control for the fleet, and the nodes themselves when no control
// answers within 2 s. The error is that neither could be asked.
func AskFleet(ctx context.Context, conn *Conn) (FleetAnswer, error) {
	answer, err := askControl(ctx, conn)
	if err == nil {
		return answer, nil
	}
	if ctx.Err() != nil {
		return FleetAnswer{}, fmt.Errorf("ask control for the fleet: %w", err)
	}
	fleet, nodesErr := askNodes(ctx, conn)
	if nodesErr != nil {
		return FleetAnswer{}, fmt.Errorf("ask control, then the nodes, for the fleet: %w", errors.Join(err, nodesErr))
	}
	return FleetAnswer{
		Fleet: fleet,
		Note: fmt.Sprintf("control did not answer (%v): these are the %d nodes that answered themselves; silent ones are not shown",
			err, len(fleet.Nodes)),
	}, nil
}

func askControl(ctx context.Context, conn *Conn) (FleetAnswer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slow := time.AfterFunc(controlWithin, cancel)
	r, err := ask(ctx, conn, fleetSubject, nil)
	if err != nil {
		return FleetAnswer{}, err
	}
	if !slow.Stop() {
		r.Close()
		return FleetAnswer{}, errNobody
	}
	defer r.Close()
	r.who = "control"
	data, err := io.ReadAll(r)
	if err != nil {
		return FleetAnswer{}, err
	}
	var f fleetJSON
	if err := json.Unmarshal(data, &f); err != nil {
		return FleetAnswer{}, fmt.Errorf("control's answer: %w", err)
	}
	if f.Version != fleetVersion {
		return FleetAnswer{}, fmt.Errorf("control answers in version %d, this program knows %d; use the same release", f.Version, fleetVersion)
	}
	return FleetAnswer{Fleet: aim.Fleet{Nodes: f.Nodes}, Held: f.Held}, nil
}

// askNodes calls all nodes and collects their snapshots until no more come.
func askNodes(ctx context.Context, conn *Conn) (aim.Fleet, error) {
	inbox := conn.nc.NewInbox()
	sub, err := conn.nc.SubscribeSync(inbox)
	if err != nil {
		return aim.Fleet{}, err
	}
	defer func() { _ = sub.Unsubscribe() }() // fails on a closed connection only
	if err := conn.nc.PublishRequest(callSubject, inbox, nil); err != nil {
		return aim.Fleet{}, err
	}
	found := map[string]aim.FleetNode{}
	for deadline := time.Now().Add(nodesWithin); time.Now().Before(deadline); {
		m, err := sub.NextMsg(nodesQuiet)
		if errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrNoResponders) || ctx.Err() != nil {
			break
		}
		if err != nil {
			return aim.Fleet{}, err
		}
		if n, ok := nodeOf(m.Data); ok {
			found[n.ID] = n
		}
	}
	var f aim.Fleet
	for _, id := range slices.Sorted(maps.Keys(found)) {
		f.Nodes = append(f.Nodes, found[id])
	}
	return f, ctx.Err()
}

// nodeOf reads a snapshot that came to an inbox; what cannot be read is left
// out like a node that does not answer.
func nodeOf(data []byte) (aim.FleetNode, bool) {
	var named struct {
		Node struct {
			ID string `json:"id"`
		} `json:"node"`
	}
	if err := json.Unmarshal(data, &named); err != nil {
		return aim.FleetNode{}, false
	}
	s, err := decodeSnapshot(data, named.Node.ID)
	if err != nil {
		return aim.FleetNode{}, false
	}
	return aim.FleetNode{Node: s.Node, Liveness: aim.Alive}, true
}

package cli

import (
	"context"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/inventory"
)

// fleetTimeout is how long the fleet may take to answer: control has it in
// memory; without control the nodes are asked, which takes up to 5 s.
const fleetTimeout = 8 * time.Second

// NATS connects to NATS, once.
func (a *App) NATS(ctx context.Context) (*inventory.Conn, error) {
	if a.conn != nil {
		return a.conn, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := inventory.Connect(ctx, a.Settings.NATS, "aim-cli", nil)
	if err != nil {
		return nil, a.unreachable("NATS at "+a.Settings.NATS.URL, "nats.url", err)
	}
	a.conn = conn
	a.atEnd(conn.Close)
	return conn, nil
}

// AskFleet asks for all nodes.
func (a *App) AskFleet(ctx context.Context) (inventory.FleetAnswer, error) {
	conn, err := a.NATS(ctx)
	if err != nil {
		return inventory.FleetAnswer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, fleetTimeout)
	defer cancel()
	answer, err := inventory.AskFleet(ctx, conn)
	if err != nil {
		return answer, Next(Failed("%w", err), "aim doctor")
	}
	return answer, nil
}

// Fleet asks for all nodes, and says when the answer is not the whole truth.
func (a *App) Fleet(ctx context.Context) (aim.Fleet, error) {
	answer, err := a.AskFleet(ctx)
	if err != nil {
		return aim.Fleet{}, err
	}
	if answer.Note != "" {
		a.Hint("%s %s", a.Err.Warn("note:"), answer.Note)
	}
	if answer.Held != "" {
		a.Hint("%s control holds back replacements: %s", a.Err.Warn("note:"), answer.Held)
	}
	return answer.Fleet, nil
}

// Node asks for one node, and names the one that was probably meant.
func (a *App) Node(ctx context.Context, id string) (aim.FleetNode, error) {
	fleet, err := a.Fleet(ctx)
	if err != nil {
		return aim.FleetNode{}, err
	}
	if n, ok := fleet.Find(id); ok {
		return n, nil
	}
	var ids []string
	for _, n := range fleet.Nodes {
		ids = append(ids, n.ID)
	}
	if near := aim.Nearest(id, ids); near != "" {
		return aim.FleetNode{}, Next(Failed("there is no node %q; did you mean %q?", id, near), "aim node show %s", near)
	}
	return aim.FleetNode{}, Next(Failed("there is no node %q", id), "aim node list")
}

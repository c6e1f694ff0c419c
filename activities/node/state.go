package node

import (
	"context"
	"maps"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// SetNode changes the node's own state: cordon, labels, quarantine. A GPU that is
// taken out of quarantine has its uncorrectable errors accepted too.
func (n *Node) SetNode(ctx context.Context, req activities.SetNodeRequest) (activities.SetNodeResult, error) {
	if err := checkLabels(req.Labels); err != nil {
		return activities.SetNodeResult{}, activities.Carry(err)
	}
	if have := n.ports.Ledger.State().Labels; len(have)+added(have, req.Labels) > mostLabels {
		return activities.SetNodeResult{}, activities.Carry(aim.Failf(aim.ClassInput, "node %s has %d labels and may have %d", n.opts.ID, len(have), mostLabels).
			WithHint("aim node label %s NAME- takes one away", n.opts.ID))
	}
	state, err := n.editState(func(s *aim.NodeState) {
		if req.Cordon != nil {
			s.Cordon = activities.Clip(*req.Cordon, activities.MaxText)
		}
		for name, value := range req.Labels {
			if s.Labels == nil {
				s.Labels = map[string]string{}
			}
			s.Labels[name] = value
			if value == "" {
				delete(s.Labels, name)
			}
		}
		for _, id := range req.Unquarantine {
			delete(s.Quarantine, id)
		}
		n.acceptErrors(s, req.Unquarantine)
	})
	if err != nil || len(req.Unquarantine) == 0 {
		return activities.SetNodeResult{State: state}, err
	}
	_, err = n.Rescan(ctx) // what was accepted is no fault any more
	n.announce()
	return activities.SetNodeResult{State: state}, err
}

// Labels are part of every snapshot.
const (
	mostLabels   = 200 // of one node
	longestLabel = 253 // bytes of a name, and of a value
)

// added counts the labels that there are not yet.
func added(have, more map[string]string) (n int) {
	for name, value := range more {
		if _, known := have[name]; !known && value != "" {
			n++
		}
	}
	return n
}

func checkLabels(labels map[string]string) error {
	for name, value := range labels {
		if name == aim.NodeLabel {
			return aim.Failf(aim.ClassInput, "label %q is the node's own id", name)
		}
		if name == "" || len(name) > longestLabel || len(value) > longestLabel {
			return aim.Failf(aim.ClassInput, "label %q=%q: a name and a value have at most %d bytes, and a name has one",
				activities.Clip(name, 40), activities.Clip(value, 40), longestLabel)
		}
	}
	return nil
}

// editState changes the state file, one change at a time.
func (n *Node) editState(edit func(*aim.NodeState)) (aim.NodeState, error) {
	n.state.Lock()
	defer n.state.Unlock()
	s := n.ports.Ledger.State()
	edit(&s)
	if err := n.ports.Ledger.SetState(s); err != nil {
		return aim.NodeState{}, err
	}
	n.announce()
	return s, nil
}

// cleanFor is how long a quarantined GPU must be seen unused before it is given
// out again: at least two scans, so that a process between two allocations is
// not taken for its end.
const cleanFor = time.Minute

// Scan reads the GPUs and ends quarantines by rule: the GPU is healthy, and
// nobody has been seen on it for cleanFor. It finds out whether the ledger can be
// written before a claim does. One loop of the agent calls it.
func (n *Node) Scan(ctx context.Context, now time.Time) error {
	n.ledger.try()
	d, err := n.Rescan(ctx)
	if err != nil {
		return err
	}
	clean := n.seenClean(d, now)
	if len(clean) == 0 {
		return nil
	}
	_, err = n.editState(func(s *aim.NodeState) {
		for _, id := range clean {
			n.opts.Log.Info("a quarantined GPU is healthy and unused: giving it out again", "gpu", id)
			delete(s.Quarantine, id)
		}
	})
	return err
}

// seenClean lists the quarantined GPUs that have been clean for long enough.
func (n *Node) seenClean(d aim.Detection, now time.Time) (clean []string) {
	held, claims := n.ports.Ledger.State().Quarantine, n.ports.Ledger.Claims()
	maps.DeleteFunc(n.unused, func(id string, _ time.Time) bool { _, ok := held[id]; return !ok })
	for _, g := range d.GPUs {
		if _, ok := held[g.ID]; !ok || unexplained(g, claims) != nil || g.Health != aim.HealthOK {
			delete(n.unused, g.ID)
			continue
		}
		since, seen := n.unused[g.ID]
		if !seen {
			n.unused[g.ID] = now
		}
		if seen && now.Sub(since) >= cleanFor {
			clean = append(clean, g.ID)
		}
	}
	return clean
}

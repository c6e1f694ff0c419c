package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// drainState is what a drain carries from look to look, and from run to run.
type drainState struct {
	Seen     activities.NodeView  `json:"seen"`            // the last look
	Boot     string               `json:"boot,omitempty"`  // of the node, when it was cordoned
	Cordoned bool                 `json:"cordoned"`        // by us, or before us
	Asked    map[string]drainTold `json:"asked,omitempty"` // by token of a claim
	Gone     int                  `json:"gone,omitempty"`
	Phase    DrainPhase           `json:"phase,omitempty"`
	Reason   string               `json:"reason,omitempty"`
	Again    bool                 `json:"again,omitempty"` // look at once, without waiting for a change
}

// drainTold is what became of the last order to move a replica.
type drainTold struct {
	At        time.Time `json:"at"`
	Why       string    `json:"why,omitempty"`        // it was refused; "" = taken
	StopFirst bool      `json:"stop_first,omitempty"` // it was asked to
}

// drainStep is one thing to do, none, or the end.
type drainStep struct {
	over   bool
	cordon *string // what to set it to
	token  string  // of the claim that move is about
	move   *activities.MoveReplicaRequest
}

// askAgain is how long a replica that could not be moved is left alone.
const askAgain = 30 * time.Second

// known is the look that is not news; "" where any look is.
func (d *drainState) known() string {
	if d.Again || d.Phase == "" {
		return ""
	}
	return d.Seen.Known
}

// next decides over a look at the node. It moves one replica at a time that serves;
// those that serve nobody are sent away as they are found. One that could not go is
// asked again after a while, and keeps none of the others.
func (d *drainState) next(in DrainInput, v activities.NodeView, now time.Time) drainStep {
	d.note(v)
	alive := v.Liveness == aim.Alive
	switch {
	case d.Phase == DrainDone: // it was opened
		return d.end(DrainDone, d.Reason)
	case v.Liveness == "":
		return d.end(DrainEnded, fmt.Sprintf("no node %s is known", in.Node))
	case !d.Cordoned && v.Cordon != "":
		d.Cordoned, d.Boot = true, v.BootID
	case !d.Cordoned && alive:
		d.Phase, d.Boot = DrainMoving, v.BootID
		why := orElse(in.Why, "being drained")
		return drainStep{cordon: &why}
	case d.Cordoned && alive && v.Cordon == "":
		return d.end(DrainEnded, in.Node+" was opened again")
	}
	switch {
	case len(v.Replicas) > 0 && alive:
		return d.moveOne(in, v, now)
	case len(v.Replicas) > 0:
		d.Phase, d.Reason = DrainMoving, fmt.Sprintf("%s is %s; what was on it is replaced elsewhere", in.Node, v.Liveness)
		return drainStep{}
	case !d.Cordoned:
		return d.end(DrainEnded, fmt.Sprintf("%s is %s and holds nothing; it could not be cordoned", in.Node, v.Liveness))
	case !in.Reboot:
		return d.end(DrainDone, in.Node+" is empty and stays cordoned")
	case alive && v.BootID != d.Boot:
		d.Phase, d.Reason = DrainDone, in.Node+" has started anew and is open"
		open := ""
		return drainStep{cordon: &open}
	}
	d.Phase, d.Reason = DrainEmpty, in.Node+" is empty: reboot it now; it is opened when it is back"
	return drainStep{}
}

// note counts those that have left, and forgets what they were told.
func (d *drainState) note(v activities.NodeView) {
	still := map[string]bool{}
	for _, r := range v.Replicas {
		still[r.Token] = true
	}
	for _, r := range d.Seen.Replicas {
		if !still[r.Token] {
			d.Gone++
			delete(d.Asked, r.Token)
		}
	}
	d.Seen, d.Again = v, false
}

// moveOne picks who is to leave now.
func (d *drainState) moveOne(in DrainInput, v activities.NodeView, now time.Time) drainStep {
	d.Phase = DrainMoving
	busy := slices.ContainsFunc(v.Replicas, func(r activities.NodeReplica) bool { return r.Phase == aim.Ready && r.Moving })
	var waits []string
	for _, r := range v.Replicas {
		told, asked := d.Asked[r.Token]
		serves := r.Phase == aim.Ready
		stopFirst := in.StopFirst && serves && asked && !told.StopFirst // succession has just failed
		switch {
		case r.Phase == "" || r.Phase == aim.Stopping || r.Moving || serves && busy:
			waits = append(waits, fmt.Sprintf("%s is %s", r.Name(), manner(r)))
		case asked && now.Sub(told.At) < askAgain && !stopFirst:
			waits = append(waits, fmt.Sprintf("%s stays for now: %s", r.Name(), orElse(told.Why, orElse(r.Reason, "it has no place elsewhere"))))
		default:
			return drainStep{token: r.Token, move: &activities.MoveReplicaRequest{Deployment: r.Deployment, Ordinal: r.Ordinal, Off: in.Node,
				StopFirst: stopFirst, Why: in.Node + " is being drained"}}
		}
	}
	d.Reason = strings.Join(waits, "; ")
	return drainStep{}
}

// manner says why a replica is waited for.
func manner(r activities.NodeReplica) string {
	switch {
	case r.Moving:
		return "being succeeded elsewhere"
	case r.Phase == "":
		return "not known to its deployment any more; the node ends it"
	case r.Phase == aim.Stopping:
		return "stopping"
	}
	return "next"
}

// told notes what came of a step. A replica that was refused is not asked again at
// once, and the next look is not waited for: others may go.
func (d *drainState) told(step drainStep, f *aim.Failure, now time.Time) {
	switch {
	case step.move != nil:
		if d.Asked == nil {
			d.Asked = map[string]drainTold{}
		}
		t := drainTold{At: now, StopFirst: step.move.StopFirst}
		if f != nil {
			t.Why, d.Again = clip(f.Error(), maxText), true
		}
		d.Asked[step.token] = t
	case step.cordon != nil && f != nil:
		d.Reason = clip(f.Error(), maxText)
		if d.Phase == DrainDone {
			d.Phase = DrainEmpty
		}
	case step.cordon != nil:
		d.Cordoned, d.Again = true, true
	}
}

func (d *drainState) end(p DrainPhase, why string) drainStep {
	d.Phase, d.Reason = p, why
	return drainStep{over: true}
}

func (d *drainState) status(in DrainInput) DrainStatus {
	left := d.Seen.Replicas
	if left == nil {
		left = []activities.NodeReplica{}
	}
	return DrainStatus{Node: in.Node, Phase: cmp.Or(d.Phase, DrainMoving), Reason: d.Reason, Left: left, Gone: d.Gone}
}

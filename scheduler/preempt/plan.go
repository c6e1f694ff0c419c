package preempt

import (
	"fmt"
	"strings"

	"github.com/aim-engine/aim"
)

// Victim is what has to be known of a replica that may have to make room: what it
// would ask for elsewhere, its priority with it, and how many replicas its deployment
// can do without now and still have its minimum.
type Victim struct {
	Request aim.PlacementRequest
	Spare   int
	Minimum int // min_available of its deployment
}

// Policy says what may be done to make room. Nothing may, by default.
type Policy struct {
	Moves   int  // replicas that may be moved to other nodes
	Preempt bool // replicas of lower priority may be stopped
	// Who knows the replica that a claim belongs to. Claims of nobody it knows stay
	// where they are.
	Who func(aim.Identity) (Victim, bool)
}

// Plan is how room is made for a request on one node, for a person to read and for
// workflows to carry out one step after the other.
type Plan struct {
	Request aim.PlacementRequest `json:"request"`
	Node    string               `json:"node"`
	Steps   []Step               `json:"steps"`
	// Forbidden says, of a plan without steps, whose min_available stands in the way;
	// "" where nothing would help.
	Forbidden string `json:"forbidden,omitempty"`
}

// Step moves one replica, or stops it.
type Step struct {
	Replica aim.Identity   `json:"replica"`
	To      *aim.Placement `json:"to,omitempty"` // nil: it is stopped, and waits
}

// String is the plan in one line.
func (p Plan) String() string {
	if len(p.Steps) == 0 {
		return p.Forbidden
	}
	var steps []string
	for _, s := range p.Steps {
		command := fmt.Sprintf("aim move %s --replica %d", s.Replica.Deployment, s.Replica.Ordinal)
		if s.To == nil {
			steps = append(steps, command+" --evict")
			continue
		}
		steps = append(steps, command+" --to "+s.To.Ranks[0].Node)
	}
	who := aim.Identity{Deployment: p.Request.Deployment, Ordinal: p.Request.Ordinal}.ReplicaName()
	return fmt.Sprintf("for %s on %s: %s", who, p.Node, strings.Join(steps, ", then "))
}

package aim

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
)

// Plan is what deploying a spec would do now, and why. Its JSON is a contract of
// `aim plan`.
type Plan struct {
	Spec       DeploymentSpec `json:"spec"`
	Rung       *Rung          `json:"rung,omitempty"`    // the one that would run; absent when none fits, and when nothing would start
	Args       []string       `json:"args,omitempty"`    // of the server, without its address
	Placements []Decision     `json:"placements"`        // of each replica that would be placed; the first that has no place is the last
	Skipped    []Skip         `json:"skipped,omitempty"` // rungs that no node can ever hold
	Ladder     Ladder         `json:"ladder"`
	Queue      *QueuePlace    `json:"queue,omitempty"`  // where the first replica without a place would wait
	Change     *SpecChange    `json:"change,omitempty"` // of the deployment that has this name; nil = there is none
	Fleet      PlanFleet      `json:"fleet"`
	// Local is why the answer is this machine's and not control's: it knows neither
	// who waits nor what runs, and may have another catalogue. "" = control's.
	Local string `json:"local,omitempty"`
}

// Skip is a rung that no node can ever hold.
type Skip struct {
	Rung     int      `json:"rung"`
	Recipe   string   `json:"recipe"`
	Decision Decision `json:"decision"`
}

// QueuePlace is a place in the waiting order; 1 is next.
type QueuePlace struct {
	Position int `json:"position"`
	Of       int `json:"of"`
}

// PlanFleet says what the plan was made against.
type PlanFleet struct {
	Known     bool   `json:"known"`
	Nodes     int    `json:"nodes"`
	GPUs      int    `json:"gpus"`
	Simulated bool   `json:"simulated,omitempty"`
	Why       string `json:"why,omitempty"` // why it is not known
}

// FleetPlanned describes the fleet that a plan is made against.
func FleetPlanned(f Fleet) PlanFleet {
	note := PlanFleet{Known: true, Nodes: len(f.Nodes)}
	for _, n := range f.Nodes {
		note.GPUs += len(n.GPUs)
		note.Simulated = note.Simulated || n.Simulated
	}
	return note
}

// SpecChange is what becomes of a deployment when its spec is replaced.
type SpecChange struct {
	Fields   []FieldChange   `json:"fields"` // none = nothing to change
	Replicas []ReplicaChange `json:"replicas"`
}

// FieldChange is a field of the spec, by its JSON name, with its old and its new
// value; null is none.
type FieldChange struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

// What a change does to a replica.
const (
	ReplicaStays    = "stays"
	ReplicaRestarts = "restarts" // its server stops, and then one starts that runs the new spec
	ReplicaReplaced = "replaced" // one that runs the new spec is ready before its server stops
	ReplicaStarts   = "starts"
	ReplicaStops    = "stops"
)

// ReplicaChange is what becomes of one replica.
type ReplicaChange struct {
	Ordinal int    `json:"ordinal"`
	Does    string `json:"does"`           // stays, restarts, replaced, starts or stops
	Node    string `json:"node,omitempty"` // where it is now
	Serves  bool   `json:"serves"`         // it is ready now
}

// TakesDown tells whether the change stops or restarts a replica that serves.
func (c *SpecChange) TakesDown() bool {
	return c != nil && slices.ContainsFunc(c.Replicas, func(r ReplicaChange) bool {
		return r.Serves && (r.Does == ReplicaRestarts || r.Does == ReplicaStops)
	})
}

// Diff lists the fields in which b differs, by name. Where b leaves the number
// of replicas open, it stays.
func (s DeploymentSpec) Diff(b DeploymentSpec) []FieldChange {
	before, after := s.fields(), b.fields()
	names := maps.Clone(before)
	maps.Copy(names, after)
	changes := []FieldChange{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if was, is := before[name], after[name]; !reflect.DeepEqual(was, is) {
			changes = append(changes, FieldChange{Field: name, Before: orNull(was), After: orNull(is)})
		}
	}
	return changes
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// fields is a spec by the names of the contract, defaults filled in.
func (s DeploymentSpec) fields() map[string]json.RawMessage {
	fields := map[string]json.RawMessage{}
	text, err := json.Marshal(s.Defaulted())
	if err == nil {
		_ = json.Unmarshal(text, &fields) // it was JSON a moment ago
	}
	return fields
}

// NeedsServers tells whether going from s to b needs new servers.
func (s DeploymentSpec) NeedsServers(b DeploymentSpec) bool { return !s.WithNumbers(b).Equal(b) }

// WithNumbers is s with what another spec says about the number of replicas and
// the manner of change, which need no new servers.
func (s DeploymentSpec) WithNumbers(of DeploymentSpec) DeploymentSpec {
	s.Replicas, s.MinAvailable, s.MaxUnavailable = of.Replicas, of.MinAvailable, of.MaxUnavailable
	s.Priority, s.Timeout, s.Set = of.Priority, of.Timeout, of.Set
	return s
}

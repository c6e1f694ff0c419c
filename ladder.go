package aim

import "slices"

// Ladder is the ordered list of what a deployment may try, best first.
type Ladder struct {
	Rungs    []Rung      `json:"rungs"`
	Rejected []Rejection `json:"rejected,omitempty"` // candidates that were not taken, and why
}

// Rung is one way to run the model: a recipe, or a recipe with a patch. It is
// complete: nothing is looked up again when it is tried.
type Rung struct {
	Number     int               `json:"number"` // 1 is the top
	Recipe     string            `json:"recipe"` // recipe id
	Why        string            `json:"why"`    // one sentence: why it stands here
	Patch      string            `json:"patch,omitempty"`
	Loses      string            `json:"loses,omitempty"` // what the user gives up on it
	On         []FailureClass    `json:"on,omitempty"`    // tried only after one of these classes; empty = after any
	Model      string            `json:"model"`           // repository or path that is served
	Revision   string            `json:"revision,omitempty"`
	ServedName string            `json:"served_name"`
	Backend    string            `json:"backend"`
	Version    string            `json:"backend_version,omitempty"` // of the backend, for its option table
	Image      string            `json:"image"`
	GPUType    string            `json:"gpu_type"`
	GPUs       int               `json:"gpus"`                  // per node
	Nodes      int               `json:"nodes"`                 // 1 unless it spans nodes
	ShareBytes uint64            `json:"share_bytes,omitempty"` // of one GPU's memory; 0 = whole GPUs
	Precision  string            `json:"precision"`
	Metric     string            `json:"metric,omitempty"`
	Task       string            `json:"task,omitempty"` // generate, embed, rerank, score; "" = generate
	Options    []Option          `json:"options,omitempty"`
	Env        map[string]string `json:"env,omitempty"`
	Companions []Companion       `json:"companions,omitempty"` // what is fetched besides Model
	Memory     Estimate          `json:"memory"`
	Resources  Resources         `json:"resources"`
}

// Option is one backend option as it stands on a command line: a bare flag, or
// a name and a value. Its name has no dashes.
type Option struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Bare  bool   `json:"bare,omitempty"`
}

// Resources is what a server needs of its node besides GPUs.
type Resources struct {
	CPUs      int    `json:"cpus"`
	HostBytes uint64 `json:"host_memory_bytes"`
	DiskBytes uint64 `json:"disk_bytes"`
	ShmBytes  uint64 `json:"shm_bytes"`
}

// Verdict of a memory estimate.
type Verdict string

// Narrow means that less than 5 % of the budget is left.
const (
	VerdictFits   Verdict = "fits"
	VerdictNarrow Verdict = "narrow"
	VerdictNo     Verdict = "no"
)

// Estimate is what one GPU of a replica is expected to hold, with every term, in
// whole bytes (kv_tokens in tokens). Terms is keyed by the name of the term.
type Estimate struct {
	Verdict Verdict            `json:"verdict"`
	Terms   map[string]float64 `json:"terms"`
	Why     string             `json:"why,omitempty"`
	Basis   string             `json:"basis,omitempty"` // where the numbers come from
	Notes   []string           `json:"notes,omitempty"` // what is not counted, guessed or emulated
}

// Measured lays what a server's log says of its memory beside the estimate.
type Measured struct {
	Expected map[string]float64 `json:"expected"` // the estimate's terms that the log speaks of
	Found    map[string]float64 `json:"found"`    // what the log says; it may have more terms
}

// Against compares the estimate with a log; nil where the log says nothing.
func (e Estimate) Against(found map[string]float64) *Measured {
	if len(found) == 0 {
		return nil
	}
	m := &Measured{Expected: map[string]float64{}, Found: found}
	for term := range found { // in any order: see .workflowcheck.yaml
		if value, ok := e.Terms[term]; ok {
			m.Expected[term] = value
		}
	}
	return m
}

// PlacementRequest asks for a place for one replica of the deployment on this rung.
func (r Rung) Request(spec DeploymentSpec, id Identity) PlacementRequest {
	return PlacementRequest{
		Deployment: id.Deployment, UID: id.UID, Ordinal: id.Ordinal, Token: id.Token,
		GPUs: r.GPUs, Nodes: max(r.Nodes, 1), GPUType: r.GPUType, TypeAsked: spec.GPUType != "" && spec.GPUType == r.GPUType,
		VRAMBytes: uint64(r.Memory.Terms["total"]), ShareBytes: r.ShareBytes,
		CPUs: r.Resources.CPUs, HostBytes: r.Resources.HostBytes, DiskBytes: r.Resources.DiskBytes,
		Selector: spec.Selector, Priority: spec.Priority, Image: r.Image, Model: r.Model,
	}
}

// Rejection is a candidate that was not taken.
type Rejection struct {
	Recipe string `json:"recipe"`
	Why    string `json:"why"`
}

// After picks the rung to try after a failure of this class on rung number n:
// the next lower one whose On admits the class. ok is false at the end of the
// ladder.
func (l Ladder) After(n int, class FailureClass) (rung Rung, ok bool) {
	for _, r := range l.Rungs {
		if r.Number > n && (len(r.On) == 0 || slices.Contains(r.On, class)) {
			return r, true
		}
	}
	return Rung{}, false
}

// At returns rung number n (1 is the top).
func (l Ladder) At(n int) (Rung, bool) {
	if n < 1 || n > len(l.Rungs) {
		return Rung{}, false
	}
	return l.Rungs[n-1], true
}

package aim

import (
	"cmp"
	"fmt"
)

// Alternative is another rung that a replica could run while the best one has
// to wait for a place. Nobody takes it unasked: it may be slower, or give
// something up.
type Alternative struct {
	Rung    int              `json:"rung"`
	How     string           `json:"how"` // what asks for it: an option of the server, or --recipe
	Request PlacementRequest `json:"request"`
}

// Alternatives are the rungs below n, as the replica would ask for them.
func (l Ladder) Alternatives(n int, spec DeploymentSpec, id Identity) []Alternative {
	var all []Alternative
	for _, r := range l.Rungs {
		if r.Number > n {
			all = append(all, Alternative{r.Number, cmp.Or(r.Patch, "--recipe "+r.Recipe), r.Request(spec, id)})
		}
	}
	return all
}

// On says that the alternative has a place, to be read after "to make it fit".
func (a Alternative) On(node string) string {
	return fmt.Sprintf("take rung %d, which fits now on %s (%s)", a.Rung, node, a.How)
}

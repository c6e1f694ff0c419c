package deployment

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	sdk "github.com/aim-engine/aim/client"
)

// listing puts Temporal's list beside what the nodes say.
type listing struct {
	rows    []sdk.Row
	fleet   map[replicaKey]found
	claimed map[string]bool // deployments that the nodes hold something for
	asked   map[string]aim.Status
	behind  bool
}

type replicaKey struct {
	deployment string
	ordinal    int
}

// found is an endpoint in the fleet.
type found struct {
	aim.Endpoint
	node      string
	simulated bool
}

func newListing(rows []sdk.Row, fleet aim.Fleet) *listing {
	l := &listing{rows: rows, asked: map[string]aim.Status{}, claimed: map[string]bool{}}
	if len(fleet.Nodes) > 0 {
		l.fleet = map[replicaKey]found{}
	}
	for _, n := range fleet.Nodes {
		for _, e := range n.Endpoints {
			key := replicaKey{e.Deployment, e.Ordinal}
			if e.Rank == 0 && e.Attempt >= l.fleet[key].Attempt {
				l.fleet[key] = found{e, n.ID, n.Simulated}
			}
		}
		for _, c := range n.Claims {
			l.claimed[c.Deployment] = true
		}
	}
	for i := range l.rows {
		l.complete(&l.rows[i])
	}
	return l
}

// complete adds to a row what the fleet tells of it. One that is settled and that
// the fleet tells otherwise is not.
func (l *listing) complete(row *sdk.Row) {
	for i := range row.Replicas {
		r := &row.Replicas[i]
		e, ok := l.fleet[replicaKey{row.Name, r.Ordinal}]
		if ok && e.UID == row.UID && e.node == r.Node && e.Healthy {
			r.Attempt, r.Endpoint, r.Serves, r.Simulated = e.Attempt, e.URL, e.Model, e.simulated
		} else if l.fleet != nil {
			row.Settled = false
		}
	}
}

// toAsk names at most so many deployments whose row is not all there is to say: those
// that nodes hold something for and that the list does not have, then the wanted ones
// that are not settled, those of the newest change first.
func (l *listing) toAsk(most int) []string {
	var open []sdk.Row
	listed := map[string]bool{}
	for _, r := range l.rows {
		listed[r.Name] = true
		if !r.Settled && !(r.Phase.Final() && r.UID != "") {
			open = append(open, r)
		}
	}
	slices.SortStableFunc(open, func(a, b sdk.Row) int { return b.Since.Compare(a.Since) })
	var names []string
	for name := range l.claimed {
		if !listed[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, r := range open {
		names = append(names, r.Name)
	}
	return names[:min(len(names), most)]
}

// slack is how long a list may take to follow before it counts as behind.
const slack = 2 * time.Second

// take puts in what deployments have answered themselves. It returns by how much the
// list is behind what they say, 0 = it is not.
func (l *listing) take(answers []aim.Status, now time.Time) (behind time.Duration) {
	rows := map[string]sdk.Row{}
	for _, r := range l.rows {
		rows[r.Name] = r
	}
	for _, s := range answers {
		row, listed := rows[s.Name]
		if s.UID == "" { // it could not be asked: the row says more
			if listed {
				row.Reason = strings.TrimPrefix(row.Reason+"; "+s.Reason, "; ")
				l.asked[s.Name] = row.Status
			}
			continue
		}
		if !listed && s.Phase.Final() {
			continue // what nodes still hold of it they are releasing
		}
		l.asked[s.Name] = s
		if age := now.Sub(s.Since); (!listed || row.Phase != s.Phase) && !s.Since.IsZero() && age > slack {
			behind = max(behind, age)
		}
	}
	l.behind = behind > 0
	return behind
}

const asListed = "as listed"

// statuses is the whole list, by name. What is not known to be so now says that it is
// as listed.
func (l *listing) statuses() []aim.Status {
	all := slices.Collect(maps.Values(l.asked))
	for _, r := range l.rows {
		if _, ok := l.asked[r.Name]; ok {
			continue
		}
		if !r.Phase.Final() && (!r.Settled || l.behind) {
			r.Reason = strings.TrimSuffix(asListed+"; "+r.Reason, "; ")
		}
		all = append(all, r.Status)
	}
	slices.SortFunc(all, func(a, b aim.Status) int { return strings.Compare(a.Name, b.Name) })
	return all
}

package workflows

import (
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// A node goes away while it carries out a step, before or after it has done it, with
// its servers or its agent alone. Whatever the step: nothing is held twice or left
// behind, the replica serves elsewhere while the node is lost, and where only the
// agent was started anew its first attempt goes on.
func TestANodeLostInTheMiddleOfEachStep(t *testing.T) {
	for _, step := range []string{
		activities.Claim, activities.PullImage, activities.FetchModel, activities.Start, activities.AwaitReady, activities.Watch,
		activities.Stop, activities.Release,
	} {
		for name, c := range map[string]struct {
			done    bool // the step is carried out, and its answer is lost
			servers bool // the node dies, and not its agent alone
			away    time.Duration
		}{
			"the agent starts anew":                   {away: 20 * time.Second},
			"the agent starts anew, the step is done": {away: 20 * time.Second, done: true},
			"the node is lost":                        {away: 30 * time.Minute, servers: true},
			"the node is lost, the step is done":      {away: 30 * time.Minute, servers: true, done: true},
			"the node is started anew":                {away: 4 * time.Minute, servers: true},
		} {
			t.Run(step+"/"+name, func(t *testing.T) {
				s, done := newSim(t, 1, testing.Verbose())
				defer done()
				s.calm = true // nothing else fails
				ending := step == activities.Stop || step == activities.Release
				var lost *simNode
				s.onCall = func(n *simNode, call *simCall) {
					if lost != nil || call.c.name != step {
						return
					}
					lost = n
					if c.done {
						n.work(s, call.c)
					}
					s.fall(n, c.servers)
					s.after(c.away, func() { s.back(n) })
				}
				s.deployReplicas("d0", 1)
				if ending {
					s.after(2*time.Minute, func() { s.stopDeployment("d0") })
				}
				s.play(10 * time.Minute) // patience with a node ends after 5
				if lost == nil {
					t.Fatalf("no node has been asked for %s", step)
				}
				d := s.deps["d0"]
				switch st := d.m.status(); {
				case ending && !d.closed:
					t.Errorf("the deployment has not ended: %s, %s", st.Phase, st.Reason)
				case !ending && st.Phase != aim.Ready:
					t.Errorf("it is %s: %s", st.Phase, st.Reason)
				case !ending && !c.servers && st.Replicas[0].Attempt != 1:
					t.Errorf("attempt %d serves, though its server has never gone", st.Replicas[0].Attempt)
				case !ending && c.servers && c.away > 10*time.Minute && st.Replicas[0].Node == lost.id:
					t.Errorf("it serves on %s, which is away", lost.id)
				}
				s.play(50 * time.Minute)
				s.atRest()
				if s.wrong != "" {
					t.Error(s.wrong)
				}
			})
		}
	}
}

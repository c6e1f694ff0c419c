package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/discovery"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// Obligation: one scrape config of Prometheus covers the fleet as it changes: /sd of
// control names control, every node and gateway, and every server with its labels;
// all of them answer.
func TestEverythingIsATarget(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	apply(t, ctx, s, named("target", ""))
	replica := awaitReady(t, ctx, s, "target").Replicas[0]
	control := metricsAddress(t, s, stack.Control)
	var server map[string]string
	jobs := map[string]int{}
	err := stack.Eventually(ctx, func() (bool, error) {
		var groups []discovery.Group
		clear(jobs)
		if err := json.Unmarshal([]byte(fetch(t, ctx, "http://"+control+"/sd").body), &groups); err != nil {
			return false, err
		}
		for _, g := range groups {
			jobs[g.Labels["job"]]++
			if g.Labels["deployment"] == "target" {
				server = g.Labels
			}
			if code := fetch(t, ctx, "http://"+g.Targets[0]+"/metrics").code; code != 200 {
				t.Errorf("%v answers %d", g, code)
			}
		}
		return jobs["aim-control"] == 1 && jobs["aim-node"] == 2 && jobs["aim-gateway"] == 1 && server != nil, nil
	})
	if err != nil {
		t.Fatalf("%v; targets by job: %v", err, jobs)
	}
	if server["node"] != replica.Node || server["replica"] != "0" || !strings.Contains(server["model"], "target") || server["backend"] != "vllm" {
		t.Errorf("the labels of the server are %v", server)
	}
	must(t, stack.Stop(ctx, s.Temporal(), "target"))
	must(t, stack.Eventually(ctx, func() (bool, error) {
		return !strings.Contains(fetch(t, ctx, "http://"+control+"/sd").body, `"deployment":"target"`), nil
	}))
}

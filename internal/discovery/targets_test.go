package discovery

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/aim-engine/aim"
)

func someFleet() (aim.Fleet, []aim.Process) {
	n1 := aim.FleetNode{Node: aim.Node{ID: "n1", BootID: "here", Endpoints: []aim.Endpoint{
		{Identity: aim.Identity{Deployment: "chat", Ordinal: 1}, URL: "http://10.0.0.7:21000", Model: "org/m", Backend: "vllm"},
		{Identity: aim.Identity{Deployment: "chat", Ordinal: 2}, URL: "not a url\x7f"},
		{Identity: aim.Identity{Deployment: "tls", Ordinal: 0}, URL: "https://10.0.0.7:21001"},
	}}}
	n2 := aim.FleetNode{Node: aim.Node{ID: "n2", BootID: "elsewhere", Endpoints: []aim.Endpoint{
		{Identity: aim.Identity{Deployment: "far", Ordinal: 0}, URL: "http://127.0.0.1:21000"},
	}}}
	return aim.Fleet{Nodes: []aim.FleetNode{n1, n2}}, []aim.Process{
		{Kind: aim.ControlProcess, ID: "c1", BootID: "here", Metrics: "127.0.0.1:9470"},
		{Kind: aim.NodeProcess, ID: "n1", BootID: "here", Metrics: "[::1]:9471"},
		{Kind: aim.NodeProcess, ID: "n2", BootID: "elsewhere", Metrics: "localhost:9471"},
		{Kind: aim.GatewayProcess, ID: "g1", BootID: "elsewhere", Metrics: "10.0.0.9:9472"},
		{Kind: aim.GatewayProcess, ID: "g2", BootID: "here"},
	}
}

// Everything of the fleet that can be reached is a target with our labels; what
// listens on another machine's loopback is none.
func TestTargets(t *testing.T) {
	fleet, processes := someFleet()
	want := []Group{
		{[]string{"127.0.0.1:9470"}, map[string]string{"job": "aim-control", "process": "c1"}},
		{[]string{"10.0.0.9:9472"}, map[string]string{"job": "aim-gateway", "process": "g1"}},
		{[]string{"[::1]:9471"}, map[string]string{"job": "aim-node", "node": "n1"}},
		{[]string{"10.0.0.7:21000"}, map[string]string{"job": "aim-server", "deployment": "chat", "replica": "1", "node": "n1", "model": "org/m", "backend": "vllm"}},
	}
	if got := Targets(fleet, processes, "here"); !reflect.DeepEqual(got, want) {
		t.Errorf("targets\n%v\nwant\n%v", got, want)
	}
	for _, g := range Targets(fleet, processes, "") { // who does not know its machine tells no loopback
		if !reachable(g.Targets[0], "", "") {
			t.Errorf("%v is told without knowing the machine", g)
		}
	}
}

// Prometheus takes an empty list, and only as JSON.
func TestHandler(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(func() []Group { return Targets(aim.Fleet{}, nil, "") }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sd", nil))
	var got []Group
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got == nil || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%q %v %v", w.Body, w.Header(), err)
	}
}

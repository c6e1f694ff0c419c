package discovery

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/aim-engine/aim"
)

// Group is a target with its labels, as http_sd wants it.
type Group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// Labels of targets. Job is ours, not the scrape config's: one config has all kinds.
const (
	JobServer  = "aim-server"
	jobPrefix  = "aim-" // and the kind of a process
	labelNode  = "node"
	labelName  = "process"
	labelModel = "model"
)

// Targets are whom to scrape, by job and address. What listens on loopback alone is
// told only where it is on the machine with this boot id: elsewhere the address would
// be somebody else's.
func Targets(fleet aim.Fleet, processes []aim.Process, bootID string) []Group {
	groups := []Group{}
	add := func(address, boot string, labels map[string]string) {
		if reachable(address, boot, bootID) {
			groups = append(groups, Group{Targets: []string{address}, Labels: labels})
		}
	}
	for _, p := range processes {
		labels := map[string]string{"job": jobPrefix + string(p.Kind), labelName: p.ID}
		if p.Kind == aim.NodeProcess {
			labels = map[string]string{"job": jobPrefix + string(p.Kind), labelNode: p.ID}
		}
		add(p.Metrics, p.BootID, labels)
	}
	for _, n := range fleet.Nodes {
		for _, e := range n.Endpoints {
			u, err := url.Parse(e.URL)
			if err != nil || u.Scheme != "http" {
				continue
			}
			add(u.Host, n.BootID, map[string]string{
				"job": JobServer, "deployment": e.Deployment, "replica": strconv.Itoa(e.Ordinal),
				labelNode: n.ID, labelModel: e.Model, "backend": e.Backend,
			})
		}
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Labels["job"], b.Labels["job"]), cmp.Compare(a.Targets[0], b.Targets[0]))
	})
	return groups
}

// reachable tells whether who asks at our machine gets to the address.
func reachable(address, boot, ours string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" || port == "0" {
		return false
	}
	ip, err := netip.ParseAddr(host)
	loopback := host == "localhost" || err == nil && ip.IsLoopback()
	return !loopback || boot != "" && boot == ours
}

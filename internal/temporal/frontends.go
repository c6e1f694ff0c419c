package temporal

import (
	"net"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

const (
	// frontendWithin is how long one of several frontends may take to be connected
	// to before it counts as dead; it is tried again all the time.
	frontendWithin = 2 * time.Second
	// aliveEvery and aliveWithin notice a frontend that has frozen with its
	// connection open. Temporal refuses pings that come more often than every 10 s.
	aliveEvery  = 10 * time.Second
	aliveWithin = 2 * time.Second
)

// frontends sets the options up for the frontends of an address: one host:port,
// several with commas, or dns:///name:port for all that a name stands for. Calls
// go to those that are connected, in turn, so that a dead one costs no call more
// than frontendWithin.
func frontends(address string, o *client.Options) {
	hosts := strings.Split(address, ",")
	if len(hosts) == 1 && !strings.HasPrefix(address, "dns:///") {
		o.HostPort = address
		return
	}
	o.HostPort = address
	o.ConnectionOptions.KeepAliveTime, o.ConnectionOptions.KeepAliveTimeout = aliveEvery, aliveWithin
	o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
		MinConnectTimeout: frontendWithin,
	}))
	if len(hosts) == 1 {
		return // gRPC resolves it
	}
	r := manual.NewBuilderWithScheme("aim-frontends")
	var state resolver.State
	for _, hostPort := range hosts {
		hostPort = strings.TrimSpace(hostPort)
		name, _, _ := net.SplitHostPort(hostPort) // the settings have checked it
		state.Addresses = append(state.Addresses, resolver.Address{Addr: hostPort, ServerName: name})
	}
	r.InitialState(state)
	o.HostPort = r.Scheme() + ":///" + strings.TrimSpace(hosts[0])
	o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithResolvers(r))
}

// frontendList is the addresses of a setting that can be looked at one by one.
func frontendList(address string) []string {
	var all []string
	for one := range strings.SplitSeq(strings.TrimPrefix(address, "dns:///"), ",") {
		all = append(all, strings.TrimSpace(one))
	}
	return all
}

package machine

import (
	"net"
	"net/netip"
	"strings"
	"time"
)

// routeWithin bounds looking up the name of Temporal's host.
const routeWithin = 5 * time.Second

// AddressTowards is where the endpoints of this machine are reached, unless a setting
// says so: the address that it talks to control's Temporal from. That is loopback
// where everything is on one machine, so that nothing is opened to a network
// unasked; and loopback too where there is no route.
func AddressTowards(temporal string) string {
	const loopback = "127.0.0.1"
	first, _, _ := strings.Cut(strings.TrimPrefix(temporal, "dns:///"), ",")
	conn, err := net.DialTimeout("udp", first, routeWithin) // sends nothing: it asks for the route
	if err != nil {
		return loopback
	}
	defer conn.Close()
	from, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return loopback
	}
	return from.Addr().WithZone("").String()
}

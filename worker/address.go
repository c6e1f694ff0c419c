package worker

import (
	"net"
	"net/netip"
)

// ownAddress is where the endpoints of this machine are reached, unless a setting
// says so: the address that it talks to control's Temporal from. That is loopback
// where everything is on one machine, so that nothing is opened to a network
// unasked; and loopback too where there is no route.
func ownAddress(temporal string) string {
	const loopback = "127.0.0.1"
	conn, err := net.Dial("udp", temporal) // sends nothing: it asks for the route
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

package machine

import (
	"net"
	"testing"
)

// Endpoints are on loopback where all is on one machine, and else where control is
// talked to from.
func TestAddressTowards(t *testing.T) {
	for temporal, want := range map[string]string{
		"127.0.0.1:7233": "127.0.0.1", "localhost:7233": "127.0.0.1", "127.0.0.1:1,192.0.2.1:1": "127.0.0.1", "dns:///localhost:7233": "127.0.0.1", "not an address": "127.0.0.1",
	} {
		if got := AddressTowards(temporal); got != want && got != "::1" {
			t.Errorf("with Temporal at %s it is %s, want %s", temporal, got, want)
		}
	}
	for _, a := range localAddresses(t) {
		if got := AddressTowards(net.JoinHostPort(a, "7233")); got != a {
			t.Errorf("with Temporal at this machine's %s it is %s", a, got)
		}
	}
}

func localAddresses(t *testing.T) (all []string) {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			all = append(all, ip.IP.String())
		}
	}
	return all
}

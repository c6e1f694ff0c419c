package devserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

const loopback = "127.0.0.1"

// A reservation keeps a TCP port for a server that opens its own listener and
// cannot be handed one. Its socket is bound but does not listen: on Linux that
// keeps the port from everybody who asks for any free port, while a listener
// that names the port (with SO_REUSEADDR, as Go sets it) gets it.
type reservation struct {
	fd   int
	port int
}

// reserve takes port on ip, or a free one if port is 0. The service is named in
// the error if somebody listens there.
func reserve(service, ip string, port int) (*reservation, error) {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, fmt.Errorf("reserve a port for %s: %w", service, err)
	}
	fd, err := bind(netip.AddrPortFrom(addr, uint16(port)))
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("port %d for %s is taken on %s: stop what listens there, or choose another port (0 = any free one)", port, service, ip)
	}
	if err != nil {
		return nil, fmt.Errorf("reserve port %d for %s on %s: %w", port, service, ip, err)
	}
	r := &reservation{fd: fd}
	if r.port, err = boundPort(fd); err != nil {
		return nil, errors.Join(fmt.Errorf("reserve a port for %s: %w", service, err), r.release())
	}
	return r, nil
}

// release is due when the server listens.
func (r *reservation) release() error { return unix.Close(r.fd) }

func bind(at netip.AddrPort) (fd int, err error) {
	family, sockaddr := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(at.Port())})
	if at.Addr().Is4() {
		sockaddr.(*unix.SockaddrInet4).Addr = at.Addr().As4()
	} else {
		family, sockaddr = unix.AF_INET6, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(fd, sockaddr)
	}
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func boundPort(fd int) (int, error) {
	sockaddr, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	switch a := sockaddr.(type) {
	case *unix.SockaddrInet4:
		return a.Port, nil
	case *unix.SockaddrInet6:
		return a.Port, nil
	}
	return 0, fmt.Errorf("socket address %T has no port", sockaddr)
}

// dialAddress is where a client on this machine finds what listens on ip and port.
func dialAddress(ip string, port int) string {
	if addr, err := netip.ParseAddr(ip); err == nil && addr.IsUnspecified() {
		ip = loopback
		if addr.Is6() {
			ip = "::1"
		}
	}
	return net.JoinHostPort(ip, strconv.Itoa(port))
}

// Command nc is the nc of Alpine as far as health checks use it: nc -z HOST PORT.
package main

import (
	"net"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 4 || os.Args[1] != "-z" {
		os.Exit(2)
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(os.Args[2], os.Args[3]), 3*time.Second)
	if err != nil {
		os.Exit(1)
	}
	_ = conn.Close()
}

// Command aim-devserver runs a Temporal server, its web UI and a NATS server in
// one process until it is interrupted.
//
//	aim-devserver --dir ./state --temporal-port 7233 --ui-port 8233 --nats-port 4222
package main

import (
	"os"

	"github.com/aim-engine/aim/devserver"
)

func main() {
	os.Exit(devserver.Main(os.Args[1:], os.Stdout, os.Stderr))
}

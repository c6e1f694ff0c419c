// Command aim is AIM Engine's command line, and its daemons.
//
//	aim up --simulate 2x8            # Temporal, NATS, control and two simulated nodes
//	aim deploy Qwen/Qwen3-32B        # prints the endpoint when it answers
//	aim status qwen3-32b
//	aim stop qwen3-32b
//
// Every command has a file of its own, with the same parts in the same order:
// the options that its flags fill, the command (synopsis, one example, flags),
// and run. Data goes to stdout, progress and hints to stderr. exit.go has the
// exit codes and the way errors are told.
//
// A command reads deployments from Temporal, and nodes over NATS; it writes
// through Temporal alone. Nothing is connected before a command needs it.
package main

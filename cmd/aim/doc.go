// Command aim is AIM Engine's command line, and its daemons.
//
//	aim up --simulate 2x8            # Temporal, NATS, control and two simulated nodes
//	aim deploy Qwen/Qwen3-32B        # prints the endpoint when it answers
//	aim status qwen3-32b
//	aim stop qwen3-32b
//
// Every noun has a package below internal/, every command a file of its own there;
// package cli is what they share. Data goes to stdout, progress and hints to
// stderr.
//
// A command reads deployments from Temporal, and nodes over NATS; it writes
// through Temporal alone.
package main

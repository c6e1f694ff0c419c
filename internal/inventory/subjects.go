package inventory

import "strings"

// Subjects, all below aim.v1. Node ids are DNS labels, so they are one token.
//
//	aim.v1.hb.<node>               beat, 48 bytes               node -> all
//	aim.v1.hb.control              control's probe of itself    control -> itself
//	aim.v1.inv.<node>              snapshot, JSON               node -> all
//	aim.v1.ask.<node>.snapshot     no reply: broadcast again;   anyone -> node
//	                               reply: answer in pieces
//	aim.v1.ask.<node>.<question>   logs, describe, model        anyone -> node
//	aim.v1.ask.control.fleet       the fleet, in pieces         anyone -> one control
//	aim.v1.ask.control.plan        what a spec would do         anyone -> the leader
//	aim.v1.ctl.snapshot            snapshots of all: broadcast,  control, anyone -> nodes
//	                               or to the reply; with "beats":
//	                               a beat of each
//	aim.v1.live.<node>             what servers and GPUs do now;  node -> who wants it
//	                               see livewire.go
//	aim.v1.ctl.live                live numbers are wanted for   anyone -> nodes
//	                               the next 30 s
//	aim.v1.process.<kind>.<hash>   a daemon of ours, JSON; empty  daemon -> control
//	                               when it ends
//	aim.v1.ctl.processes           tell of yourselves            control -> daemons
//	aim.v1.ctl.rate                how often to beat, JSON      control -> nodes
const (
	beatPrefix     = "aim.v1.hb."
	snapshotPrefix = "aim.v1.inv."
	askPrefix      = "aim.v1.ask."
	allBeats       = beatPrefix + "*"
	allSnapshots   = snapshotPrefix + "*"
	callSubject    = "aim.v1.ctl.snapshot"
	rateSubject    = "aim.v1.ctl.rate"
	livePrefix     = "aim.v1.live."
	liveSubject    = "aim.v1.ctl.live"

	processPrefix    = "aim.v1.process."
	processesSubject = "aim.v1.ctl.processes"

	// controlID stands where a node id would; no node may be called so.
	controlID    = "control"
	fleetSubject = askPrefix + controlID + "." + QuestionFleet
	controlQueue = "control" // several controls share the fleet questions

	// Disconnects are published by the server in its system account; where that
	// account exports them to ours, they arrive under the same name.
	disconnectSubject = "$SYS.ACCOUNT.*.DISCONNECT"
)

// Questions that this package answers by itself.
const (
	QuestionSnapshot = "snapshot"
	QuestionFleet    = "fleet"
)

func beatSubject(node string) string          { return beatPrefix + node }
func snapshotSubject(node string) string      { return snapshotPrefix + node }
func askSubject(node, question string) string { return askPrefix + node + "." + question }

// lastToken returns what follows the final dot: the node of a beat or snapshot,
// the question of an ask.
func lastToken(subject string) string {
	return subject[strings.LastIndexByte(subject, '.')+1:]
}

const nodeNamePrefix = "aim-node/"

// NodeName is the name of a node's NATS connection. Disconnect events carry it,
// which is how control knows whose connection ended.
func NodeName(id string) string { return nodeNamePrefix + id }

// nodeOfName is the node whose connection has this name.
func nodeOfName(name string) (id string, ok bool) { return strings.CutPrefix(name, nodeNamePrefix) }

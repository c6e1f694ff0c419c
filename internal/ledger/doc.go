// Package ledger is a node's durable record of who holds its GPUs, and of what
// the node has been told about itself. It is the only lock on a GPU: a GPU sits
// in one machine, so that machine's fsynced file is where two wishes for it
// meet, without a clock or a vote.
//
//	l, err := ledger.Open("/var/lib/aim", bootID)
//	if errors.Is(err, ledger.ErrDamaged) {
//		// l is usable and empty: claim again what the containers' labels say,
//		// then l.Reconciled().
//	} else if err != nil {
//		return err
//	}
//	claim, err := l.Claim(aim.Claim{Identity: id, GPUs: gpus, Port: 8001, Since: now})
//	if aim.FailureOf(err).Class == aim.ClassRefused {
//		// somebody else holds one of them; the text names who
//	}
//
// The directory holds:
//
//	lock         held by the one agent that uses the directory (internal/filelock)
//	claims.json  the claims, each with the boot it was made under
//	state.json   cordon, labels, quarantine, errors of GPUs, and the last epoch
//	*.bad-<n>    what could not be read, kept for a person to look at
//
// Both JSON files are small envelopes {version, crc32c, body}, replaced as a
// whole: written beside, synced, renamed, directory synced. A crash leaves the
// old file or the new one. A method returns only when its change is on disk;
// one that fails has changed nothing that the ledger answers with.
package ledger

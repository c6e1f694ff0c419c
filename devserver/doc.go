// Package devserver puts a Temporal server, its web UI and a NATS server into
// one process: everything a single machine, a laptop or a test needs.
//
//	srv, err := devserver.Start(ctx, devserver.Options{Dir: "/var/lib/aim"})
//	if err != nil {
//		return err
//	}
//	defer srv.Stop(context.Background())
//	fmt.Println(srv.Ready().TemporalAddress, srv.Ready().NATSURL)
//
// Temporal keeps its state in one SQLite file in Options.Dir and goes on where
// it stopped, after a clean stop as after kill -9; with an empty Dir it keeps
// everything in memory. NATS keeps nothing.
//
// Nothing here asks who is calling, so it listens on loopback unless told
// otherwise. Several machines, or anything that must stay up, want the official
// Temporal and NATS images instead.
package devserver

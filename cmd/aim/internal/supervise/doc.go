// Package supervise keeps a few processes running: it starts them in order,
// waits until each is ready, starts again what dies, and stops them in reverse.
//
//	s := supervise.New(func(e supervise.Event) { fmt.Println(e) })
//	defer s.Stop()
//	err := s.Start(ctx, supervise.Process{
//		Name:    "control",
//		Log:     "/var/log/aim/control.log",
//		Command: func() (supervise.Command, error) { return supervise.Command{Args: []string{"aim", "control", "run"}}, nil },
//		Ready:   func(ctx context.Context, pid int) error { return get(ctx, "http://127.0.0.1:9470/readyz") },
//	})
//
// When the supervising process itself is killed, its processes get a SIGTERM
// from the kernel: nothing is left behind that nobody looks after. What they
// have started in sessions of their own is not touched.
package supervise

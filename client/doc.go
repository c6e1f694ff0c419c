// Package client is the Go SDK of AIM Engine: it puts models into service, changes
// and stops deployments, and tells how they are. It speaks to Temporal alone, where
// deployments live; no process of AIM Engine has to run for what it asks for to be
// kept.
//
//	t, err := sdk.Dial(sdk.Options{HostPort: "127.0.0.1:7233"}) // go.temporal.io/sdk/client
//	c := client.New(t)
//	_, err = c.Deploy(ctx, aim.DeploymentSpec{Model: "Qwen/Qwen3-32B"})
//	s, err := c.AwaitReady(ctx, "qwen3-32b")
//	fmt.Println(s.Replicas[0].Endpoint)
//
// What a deployment refuses is an *aim.Failure, with a class and, in Hint, what to do
// about it. A change is sent until it is answered or the context ends, always as the
// same change: it happens once. Where the context ends first, ErrUnanswered says that
// nobody can tell yet.
package client

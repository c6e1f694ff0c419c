// Package aim holds the words of AIM Engine as types, and the rules that go
// with them: what a valid deployment is, when a GPU can be given out, what a
// failure means and what happens next. It imports the standard library alone,
// does no I/O and never reads the clock.
//
// A user names a model; the rest of the house turns that wish into a running
// server and keeps it running:
//
//	spec := aim.DeploymentSpec{Model: "Qwen/Qwen3-32B"}
//	if err := spec.Validate(); err != nil {
//		return err // an *aim.Failure of class "input", naming the bad field
//	}
//
// Sizes are bytes unless a name says otherwise. JSON field names are contracts:
// fields are only ever added.
package aim

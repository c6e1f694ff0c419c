// Package docker runs servers as containers of a Docker Engine, 20.10 or newer.
//
//	rt, err := docker.New(settings.Node{Dir: "/var/lib/aim"}, docker.Options{})
//	if err != nil {
//		return err
//	}
//	if err := rt.Check(ctx); err != nil {
//		return err // *aim.Failure of class runtime: the daemon does not answer
//	}
//	server, err := rt.Start(ctx, launch) // found running counts as started
//	exit, err := rt.Wait(ctx, launch.Identity)
//
// Labels are the truth about a container: whose it is, what it serves, which
// GPUs it was given (labels.go). The name, aim.Identity.Server, is what makes
// starting idempotent: the daemon gives it to one container only.
//
// # What a container gets
//
// That is decided in package container; this one writes it in the words of
// Docker's API, and adds nothing.
//
// # Secrets
//
// Launch.SecretEnv is not configuration of the container, which whoever may talk
// to the daemon can read with "docker inspect". The values lie in files that the
// container alone sees, and a copy of this static binary, mounted into it, moves
// them into the environment before it becomes the server (package handover): the
// images are run as they are. They are deleted when the container is removed.
// Root of the node, and the server itself, can still read them: in the server's
// environment, as with every other way.
package docker

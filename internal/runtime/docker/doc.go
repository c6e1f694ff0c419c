// Package docker runs servers as containers of a Docker Engine, 20.10 or newer.
//
//	rt, err := docker.New(docker.Config{LogDir: "/var/lib/aim/logs"})
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
// Spec builds the whole configuration from typed values and is the only place
// that does: /dev/kfd and the launch's own render nodes, the groups that own
// them, the launch's folders, one published port on one address, limits of
// memory, CPU and processes. There is no way through it to a privileged
// container, to host namespaces, to added capabilities or to the whole of
// /dev/dri. How tightly the rest is closed is the launch's level (level.go).
//
// # Secrets
//
// Launch.SecretEnv becomes environment of the container. Files would be better,
// but no backend reads its API key from one, and images are run as they are, so
// there is no place for a wrapper that could. So whoever may talk to the Docker
// daemon can read the values with "docker inspect", and the daemon keeps them in
// its own folder until the container is removed. Both take root, or what amounts
// to it. Labels and logs of AIM Engine never hold them.
package docker

// Package container says what a server may do on a node, in the words of no
// runtime. It holds the one copy of each rule: which images, environment and
// files a deployment may choose, which devices and folders a server sees, how
// tightly it is closed, and what it may use.
//
//	if err := container.CheckGiven(rung.Backend, rung.Env, names, allowed); err != nil {
//		return err // *aim.Failure of class input: not a deployment's to set
//	}
//	spec, err := container.New(launch, container.Node{DevRoot: "/dev", Groups: groups})
//	if err != nil {
//		return err
//	}
//
// Who carries a Spec out translates it and adds nothing:
//
//	docker    container.Spec -> Docker's API      internal/runtime/docker
//	process   the environment and the files       internal/runtime/process
//	render    container.Spec -> docker run, ...   cmd/aim/internal/render
//
// There is no way through a Spec to a privileged container, to namespaces of
// the host, to added capabilities, or to the whole of /dev/dri.
package container

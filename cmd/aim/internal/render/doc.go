// Package render writes a container as something that people can run without
// AIM Engine: a docker command, a compose file, a systemd unit.
//
//	c := render.Container{Name: "qwen3-32b", Image: launch.Image, Entrypoint: launch.Entrypoint, Args: launch.Args, Flags: flags}
//	text, err := render.Compose(c)
//
// The flags of docker run are the one description of the container; the other
// two are translations of them, and a flag without a translation is an error.
package render

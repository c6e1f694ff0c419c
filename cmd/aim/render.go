package main

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/cmd/aim/internal/render"
	"github.com/aim-engine/aim/internal/runtime/docker"
	"github.com/aim-engine/aim/worker"
)

// renderPort is where a rendered server is published when none runs yet.
const renderPort = 8000

type renderOptions struct {
	spec   specFlags
	target string
}

// renderTargets are the forms that a container can be written in.
var renderTargets = []string{"docker", "compose", "systemd"}

func newRender(a *app) *cobra.Command {
	var o renderOptions
	cmd := &cobra.Command{
		Use:   "render NAME|MODEL [flags] [-- SERVER OPTIONS]",
		Short: "Write what would be run, as docker command, compose file or systemd unit",
		Long: `Render writes the container that a node starts for a deployment, or would start
for a model: image, devices, mounts, limits, environment and arguments. The text
needs no AIM Engine to run. A replica that runs is rendered as it runs; for a
model the place is chosen as by plan, or this machine where no fleet answers.
Secrets are named, never written. Fetch the model first (aim model fetch): the
server is started offline.`,
		Example: "  aim render Qwen/Qwen3-32B --target compose > compose.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, a, args)
		},
	}
	o.spec.add(cmd)
	cmd.Flags().StringVar(&o.target, "target", renderTargets[0], "one of "+strings.Join(renderTargets, ", "))
	recipesFlag(cmd)
	return cmd
}

func (o *renderOptions) run(cmd *cobra.Command, a *app, args []string) error {
	if !slices.Contains(renderTargets, o.target) {
		return usage("--target %q is not known; use one of %s", o.target, strings.Join(renderTargets, ", "))
	}
	spec, at, err := o.subject(cmd, a, args)
	if err != nil {
		return err
	}
	l, comment, err := a.launchOf(cmd.Context(), spec, at)
	if err != nil {
		return err
	}
	text, err := o.write(a, l, comment)
	if err != nil {
		return err
	}
	a.out.Printf("%s", text)
	return nil
}

// subject is the spec, and the replica that runs of it, if the argument is the
// name of a deployment: a model has a slash, or is no name at all.
func (o *renderOptions) subject(cmd *cobra.Command, a *app, args []string) (aim.DeploymentSpec, *aim.ReplicaStatus, error) {
	if len(args) == 1 && aim.IsLabel(args[0]) {
		if c, err := a.temporal(cmd.Context()); err == nil {
			if s, err := status(cmd.Context(), c, args[0]); err == nil {
				return s.Spec, placedReplica(s), nil
			}
		}
	}
	spec, err := o.spec.read(cmd, args)
	return spec, nil, err
}

// placedReplica is the first replica that has a place.
func placedReplica(s aim.Status) *aim.ReplicaStatus {
	for i, r := range s.Replicas {
		if r.Node != "" && len(r.GPUs) > 0 && !r.Phase.Final() {
			return &s.Replicas[i]
		}
	}
	return nil
}

// launchOf builds what a node would be given, with this machine's own settings
// for what is a node's to choose.
func (a *app) launchOf(ctx context.Context, spec aim.DeploymentSpec, at *aim.ReplicaStatus) (aim.Launch, []string, error) {
	c, err := a.catalogue()
	if err != nil {
		return aim.Launch{}, nil, err
	}
	fleet, note := a.planFleet(ctx)
	describe := a.fleetModels(ctx, fleet)
	if !note.Known {
		describe = a.ownModels
	}
	ladder, err := control.Ladder(ctx, c, describe, spec, fleet)
	if err != nil {
		return aim.Launch{}, nil, adviseLadder(err)
	}
	s := a.seatOf(ctx, spec, ladder, fleet, at)
	n := a.settings.Node
	site := node.Site{Address: s.address, Level: aim.Level(n.Level), Cache: n.Cache}
	claim := aim.Claim{Identity: aim.Identity{Deployment: spec.Defaulted().Name}, Port: s.port}
	l, err := node.NewLaunch(worker.Backends()[s.rung.Backend], s.rung, claim, s.gpus, site, docker.Listen)
	if err != nil {
		return l, nil, next(err, "aim plan %s", spec.Model)
	}
	l.SecretEnv = map[string]string{}
	for name := range spec.Secrets {
		l.SecretEnv[name] = "" // its value stays where it is
	}
	return l, s.comment(spec, a.settings.Node.Cache), nil
}

// write puts the container into the asked form.
func (o *renderOptions) write(a *app, l aim.Launch, comment []string) (string, error) {
	dev := a.settings.Node.Dev
	groups, err := docker.Groups(l, dev)
	if err != nil {
		comment = append(comment, "the devices are not on this machine: on the one that has them, a server that is not root also",
			"needs --group-add with the group ids of its device files (stat -c %g FILE)")
	}
	flags, err := docker.Flags(l, docker.Settings{DevRoot: "/dev", Groups: groups})
	if err != nil {
		return "", err
	}
	c := render.Container{Name: l.Deployment, Image: l.Image, Entrypoint: l.Entrypoint, Args: l.Args, Flags: flags, Comment: comment}
	switch o.target {
	case "compose":
		return render.Compose(c)
	case "systemd":
		return render.Systemd(c), nil
	}
	return render.Docker(c), nil
}

// servedPort is the port of an endpoint's URL, or the one that is rendered where
// nothing is served yet.
func servedPort(endpoint string) int {
	u, err := url.Parse(endpoint)
	if err != nil {
		return renderPort
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return renderPort
	}
	return port
}

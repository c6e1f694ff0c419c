package render

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/deployment"
	"github.com/aim-engine/aim/cmd/aim/internal/recipe"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/internal/runtime/docker"
	"github.com/aim-engine/aim/worker"
)

// defaultPort is where a rendered server is published when none runs yet.
const defaultPort = 8000

type options struct {
	spec   deployment.SpecFlags
	target string

	// Of --target kubernetes.
	namespace, service string
	claim              bool
}

// targets are the forms that a container can be written in.
var targets = []string{"docker", "compose", "systemd", "kubernetes"}

func New(a *cli.App) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "render NAME|MODEL [flags] [-- SERVER OPTIONS]",
		Short: "Write what would be run, as docker command, compose file, systemd unit or Kubernetes objects",
		Long: `Render writes the container that a node starts for a deployment, or would start
for a model: image, devices, mounts, limits, environment and arguments. The text
needs no AIM Engine to run. A replica that runs is rendered as it runs; for a
model the place is chosen as by plan, or this machine where no fleet answers.
Secrets are named, never written. Fetch the model first (aim model fetch): the
server is started offline.

Kubernetes objects serve all replicas: a Deployment that asks the device plugin for
amd.com/gpu, or with --claim the DRA driver for a claim; a Service, a volume for the
weights and the Job that fills it, and what may reach whom. docs/kubernetes.md
has more.`,
		Example: "  aim render Qwen/Qwen3-32B --target compose > compose.yaml\n  aim render Qwen/Qwen3-32B --target kubernetes | kubectl apply -f -",
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, a, args)
		},
	}
	o.spec.Add(cmd)
	cmd.Flags().StringVar(&o.target, "target", targets[0], "one of "+strings.Join(targets, ", "))
	cmd.Flags().StringVar(&o.namespace, "namespace", "", "of the Kubernetes objects (default where kubectl applies them)")
	cmd.Flags().StringVar(&o.service, "service", "ClusterIP", "type of the Kubernetes Service: ClusterIP, NodePort or LoadBalancer")
	cmd.Flags().BoolVar(&o.claim, "claim", false, "ask for GPUs by a ResourceClaim (DRA), not by the device plugin's count")
	recipe.AddFlag(cmd)
	return cmd
}

func (o *options) run(cmd *cobra.Command, a *cli.App, args []string) error {
	if err := a.PrintsAsItIs("render prints what --target says"); err != nil {
		return err
	}
	if !slices.Contains(targets, o.target) {
		return cli.Usage("--target %q is not known; use one of %s", o.target, strings.Join(targets, ", "))
	}
	spec, at, err := o.subject(cmd, a, args)
	if err != nil {
		return err
	}
	if err := o.checkKubernetes(cmd); err != nil {
		return err
	}
	if o.target == "kubernetes" {
		a.Settings.Node.Cache, at = kubeCache, nil // no machine's
	}
	l, rung, comment, err := launchOf(cmd.Context(), a, spec, at)
	if err != nil {
		return err
	}
	write := o.write
	if o.target == "kubernetes" {
		write = func(a *cli.App, l aim.Launch, _ []string) (string, error) { return o.objects(l, spec, rung) }
	}
	text, err := write(a, l, comment)
	if err != nil {
		return err
	}
	a.Out.Printf("%s", text)
	return nil
}

// subject is the spec, and the replica that runs of it, if the argument is the
// name of a deployment: a model has a slash, or is no name at all.
func (o *options) subject(cmd *cobra.Command, a *cli.App, args []string) (aim.DeploymentSpec, *aim.ReplicaStatus, error) {
	if len(args) == 1 && aim.IsLabel(args[0]) {
		if c, err := a.Temporal(cmd.Context()); err == nil {
			if s, err := deployment.Ask(cmd.Context(), c, args[0]); err == nil {
				return s.Spec, placedReplica(s), nil
			}
		}
	}
	spec, err := o.spec.Read(cmd, args)
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
func launchOf(ctx context.Context, a *cli.App, spec aim.DeploymentSpec, at *aim.ReplicaStatus) (aim.Launch, aim.Rung, []string, error) {
	c, err := recipe.Catalogue(a)
	if err != nil {
		return aim.Launch{}, aim.Rung{}, nil, err
	}
	fleet, unknown := a.Fleet(ctx)
	describe := recipe.FleetModels(ctx, a, fleet)
	if unknown != nil {
		describe = recipe.OwnModels(a)
	}
	ladder, err := control.Ladder(ctx, c, describe, spec, fleet)
	if err != nil {
		return aim.Launch{}, aim.Rung{}, nil, recipe.Advise(err)
	}
	s := seatOf(ctx, a, spec, ladder, fleet, at)
	n := a.Settings.Node
	n.Address = s.address
	claim := aim.Claim{Identity: aim.Identity{Deployment: spec.Defaulted().Name}, Port: s.port}
	l, err := node.NewLaunch(worker.Backends()[s.rung.Backend], s.rung, claim, s.gpus, n, docker.Listen)
	if err != nil {
		return l, s.rung, nil, cli.Next(err, "aim plan %s", spec.Model)
	}
	l.SecretEnv = map[string]string{}
	for name := range spec.Secrets {
		l.SecretEnv[name] = "" // its value stays where it is
	}
	return l, s.rung, s.comment(spec, a.Settings.Node.Cache), nil
}

// checkKubernetes refuses what cannot be, and flags that would be ignored.
func (o *options) checkKubernetes(cmd *cobra.Command) error {
	for _, name := range []string{"namespace", "service", "claim"} {
		if o.target != "kubernetes" && cmd.Flags().Changed(name) {
			return cli.Usage("--%s goes with --target kubernetes", name)
		}
	}
	if o.namespace != "" && !aim.IsLabel(o.namespace) {
		return cli.Usage("--namespace %q is no DNS label; try %q", o.namespace, aim.NameOf(o.namespace))
	}
	if kinds := []string{"ClusterIP", "NodePort", "LoadBalancer"}; !slices.Contains(kinds, o.service) {
		return cli.Usage("--service %q is not known; use one of %s", o.service, strings.Join(kinds, ", "))
	}
	return nil
}

// objects are those of Kubernetes. Its GPUs and their device files come from the
// device plugin or the driver, not from here.
func (o *options) objects(l aim.Launch, spec aim.DeploymentSpec, rung aim.Rung) (string, error) {
	if rung.ShareBytes > 0 {
		return "", aim.Failf(aim.ClassInput, "a share of one GPU's memory cannot be asked of Kubernetes; leave --gpu-memory out")
	}
	if rung.Nodes > 1 {
		return "", aim.Failf(aim.ClassInput, "a replica on %d nodes cannot be rendered for Kubernetes", rung.Nodes)
	}
	s, err := container.New(l, container.Node{DevRoot: "/dev"})
	if err != nil {
		return "", err
	}
	k := Kube{Name: l.Deployment, Namespace: o.namespace, Spec: s, Rung: rung, Replicas: spec.Defaulted().Replicas, Minimum: spec.MinAvailable,
		Service: o.service, Claim: o.claim,
		Comment: []string{fmt.Sprintf("%s by recipe %s (rung %d)", spec.Model, rung.Recipe, rung.Number)}}
	if len(s.Secrets) > 0 {
		k.Comment = append(k.Comment, fmt.Sprintf("make the secret first: kubectl create secret generic %s --from-literal=NAME=value", k.secret()))
	}
	return Kubernetes(k)
}

// write puts the container into the asked form.
func (o *options) write(a *cli.App, l aim.Launch, comment []string) (string, error) {
	dev := a.Settings.Node.Dev
	groups, err := container.DeviceGroups(l, dev)
	if err != nil {
		comment = append(comment, "the devices are not on this machine: on the one that has them, a server that is not root also",
			"needs --group-add with the group ids of its device files (stat -c %g FILE)")
	}
	spec, err := container.New(l, container.Node{DevRoot: "/dev", Groups: groups})
	if err != nil {
		return "", err
	}
	c := Container{Name: l.Deployment, Image: l.Image, Entrypoint: l.Entrypoint, Args: l.Args, Flags: Flags(spec), Comment: comment}
	switch o.target {
	case "compose":
		return Compose(c)
	case "systemd":
		return Systemd(c), nil
	}
	return Docker(c), nil
}

// servedPort is the port of an endpoint's URL, or the one that is rendered where
// nothing is served yet.
func servedPort(endpoint string) int {
	u, err := url.Parse(endpoint)
	if err != nil {
		return defaultPort
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return defaultPort
	}
	return port
}

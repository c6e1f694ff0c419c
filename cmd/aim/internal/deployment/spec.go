package deployment

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

// SpecFlags are the flags of commands that say what is wanted: deploy and plan.
type SpecFlags struct {
	file                   string
	declares               []declared // what the file declares, once it has been read
	spec                   aim.DeploymentSpec
	giveUp                 time.Duration
	env, secrets, selector []string
	adapters               []string
}

// Add defines a flag for every field of a spec. Zero is "choose for me", so the
// defaults are told in words.
func (f *SpecFlags) Add(cmd *cobra.Command) {
	flags, s := cmd.Flags(), &f.spec
	flags.StringVarP(&f.file, "file", "f", "", "read the spec from a YAML or JSON `file`, - for standard input; flags win")
	flags.StringVar(&s.Name, "name", "", "name of the deployment (default from the model)")
	flags.IntVar(&s.Replicas, "replicas", 0, "servers to keep running (default 1, or as many as there are)")
	flags.IntVar(&s.GPUs, "gpus", 0, "GPUs of one replica (default by the recipe)")
	flags.IntVar(&s.Nodes, "nodes", 0, "nodes of one replica (default 1)")
	flags.Func("gpu-memory", "share of one GPU's memory for each replica, such as `40GiB` (default whole GPUs)", func(text string) (err error) {
		s.GPUMemory, err = aim.ParseBytes(text)
		return err
	})
	flags.StringVar(&s.GPUType, "gpu-type", "", "kind of GPU, such as MI300X")
	flags.StringVar(&s.Precision, "precision", "", "one of "+strings.Join(aim.Precisions(), ", "))
	flags.StringVar(&s.Backend, "backend", "", "one of "+strings.Join(aim.Backends(), ", "))
	flags.StringVar(&s.Recipe, "recipe", "", "use this recipe and no other")
	flags.StringVar(&s.Metric, "metric", "", "tune for one of "+strings.Join(aim.Metrics(), ", "))
	flags.StringVar(&s.Image, "image", "", "container image, instead of the recipe's")
	flags.StringVar(&s.Revision, "revision", "", "model revision: branch, tag or commit")
	flags.StringVar(&s.ServedName, "served-name", "", "model name in the API (default the model id)")
	flags.StringArrayVar(&f.adapters, "adapter", nil, "`NAME=REPOSITORY[@REVISION]` of a LoRA adapter that is served beside the model; repeatable")
	flags.IntVar(&s.MaxModelLen, "max-model-len", 0, "tokens of context")
	flags.StringArrayVar(&f.env, "env", nil, "`NAME=value` for the server; repeatable")
	flags.StringArrayVar(&f.secrets, "secret", nil, "`NAME=reference` for the server, env:NAME or file:/path on the node; repeatable")
	flags.StringArrayVar(&f.selector, "selector", nil, "`label=value` that a node must carry; repeatable")
	flags.IntVar(&s.Priority, "priority", 0, "-100 to 100; higher waits less")
	flags.IntVar(&s.MinAvailable, "min-available", 0, "replicas that voluntary changes leave ready")
	flags.IntVar(&s.MaxUnavailable, "max-unavailable", 0, "replicas that a change may take away at once (default 1)")
	flags.StringVar(&s.Set, "set", "", "name of the set of deployments that it belongs to")
	flags.DurationVar(&f.giveUp, "give-up-after", 0, "fail the deployment when its first start takes longer (default never)")
}

// read reads what the file declares, once: standard input can be read only once.
func (f *SpecFlags) read(cmd *cobra.Command) ([]declared, error) {
	if f.declares == nil {
		all, err := readSpecs(f.file, cmd.InOrStdin())
		if err != nil {
			return nil, err
		}
		f.declares = all
	}
	return f.declares, nil
}

// Read makes the spec: the file, then what was given on the command line. args
// are a model, if any, and what follows "--".
func (f *SpecFlags) Read(cmd *cobra.Command, args []string) (aim.DeploymentSpec, error) {
	var spec aim.DeploymentSpec
	if f.file != "" {
		all, err := f.read(cmd)
		switch {
		case err != nil:
			return spec, err
		case len(all) > 1:
			return spec, cli.Next(cli.Usage("%s declares %d deployments, and %s takes one", f.file, len(all), cmd.Name()), "aim deploy -f %s --dry-run", aim.Quote(f.file))
		}
		spec = all[0].spec
	}
	model, extra := args, []string(nil)
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		model, extra = args[:dash], args[dash:]
	}
	switch {
	case len(model) == 1:
		spec.Model = model[0]
	case len(model) > 1:
		return spec, cli.Usage("%q is one argument too many; options for the server go behind --", model[1])
	case f.file == "":
		return spec, cli.Usage("MODEL is missing: %s", cmd.UseLine())
	}
	if len(extra) > 0 {
		spec.Args = extra
	}
	if err := f.override(cmd, &spec); err != nil {
		return spec, err
	}
	err := checkSpec(spec)
	if err != nil && f.file != "" {
		err = fmt.Errorf("%s: %w", f.file, err)
	}
	return spec, err
}

// override puts the flags that were given over the spec.
func (f *SpecFlags) override(cmd *cobra.Command, spec *aim.DeploymentSpec) error {
	given, s := cmd.Flags().Changed, f.spec
	for _, o := range []struct {
		flag  string
		apply func()
	}{
		{"name", func() { spec.Name = s.Name }},
		{"replicas", func() { spec.Replicas = s.Replicas }},
		{"gpus", func() { spec.GPUs = s.GPUs }},
		{"nodes", func() { spec.Nodes = s.Nodes }},
		{"gpu-memory", func() { spec.GPUMemory = s.GPUMemory }},
		{"gpu-type", func() { spec.GPUType = strings.ToUpper(s.GPUType) }},
		{"precision", func() { spec.Precision = s.Precision }},
		{"backend", func() { spec.Backend = s.Backend }},
		{"recipe", func() { spec.Recipe = s.Recipe }},
		{"metric", func() { spec.Metric = s.Metric }},
		{"image", func() { spec.Image = s.Image }},
		{"revision", func() { spec.Revision = s.Revision }},
		{"served-name", func() { spec.ServedName = s.ServedName }},
		{"max-model-len", func() { spec.MaxModelLen = s.MaxModelLen }},
		{"priority", func() { spec.Priority = s.Priority }},
		{"min-available", func() { spec.MinAvailable = s.MinAvailable }},
		{"max-unavailable", func() { spec.MaxUnavailable = s.MaxUnavailable }},
		{"set", func() { spec.Set = s.Set }},
		{"give-up-after", func() { spec.Timeout = aim.Duration(f.giveUp) }},
	} {
		if given(o.flag) {
			o.apply()
		}
	}
	// 0 means "choose for me" in a spec, but nobody types it meaning that.
	for flag, n := range map[string]int{"replicas": s.Replicas, "gpus": s.GPUs, "nodes": s.Nodes, "max-model-len": s.MaxModelLen, "max-unavailable": s.MaxUnavailable} {
		if given(flag) && n < 1 {
			return cli.Usage("--%s is %d; it must be 1 or more", flag, n)
		}
	}
	for _, text := range f.adapters {
		a, err := aim.ParseAdapter(text)
		if err != nil {
			return err
		}
		spec.Adapters = append(spec.Adapters, a)
	}
	return errors.Join(
		cli.AddPairs("--env", f.env, &spec.Env),
		cli.AddPairs("--secret", f.secrets, &spec.Secrets),
		cli.AddPairs("--selector", f.selector, &spec.Selector))
}

// given names the flags that say what is wanted of one deployment.
func (f *SpecFlags) given(cmd *cobra.Command) string {
	var own pflag.FlagSet
	var dummy cobra.Command
	(&SpecFlags{}).Add(&dummy)
	own.AddFlagSet(dummy.Flags())
	var names []string
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if own.Lookup(flag.Name) != nil && flag.Name != "file" && flag.Name != "set" {
			names = append(names, "--"+flag.Name)
		}
	})
	return strings.Join(names, " ")
}

// checkSpec is what can be refused without asking anybody.
func checkSpec(spec aim.DeploymentSpec) error {
	return spec.Validate()
}

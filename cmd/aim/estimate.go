package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/display"
)

type estimateOptions struct{ spec specFlags }

// estimate is `aim estimate -o json`.
type estimate struct {
	aim.Estimate
	Recipe string `json:"recipe,omitempty"`
	GPUs   int    `json:"gpus,omitempty"`
	Type   string `json:"gpu_type,omitempty"`
}

func newEstimate(a *app) *cobra.Command {
	var o estimateOptions
	cmd := &cobra.Command{
		Use:   "estimate MODEL [flags] [-- SERVER OPTIONS]",
		Short: "Estimate the GPU memory of a model, term by term",
		Long: `Estimate tells what one GPU of a replica would hold, by the recipe that deploy
would choose on the hardware it was written for. It asks nobody and needs no
fleet.`,
		Example: "  aim estimate Qwen/Qwen3-32B --gpus 2 --max-model-len 32768",
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := o.spec.read(cmd, args)
			if err != nil {
				return err
			}
			return o.run(a, spec)
		},
	}
	o.spec.add(cmd)
	recipesFlag(cmd)
	return cmd
}

// run takes the top rung: that is the one that deploy would start.
func (o estimateOptions) run(a *app, spec aim.DeploymentSpec) error {
	c, err := a.catalogue()
	if err != nil {
		return err
	}
	ladder, err := c.Ladder(spec, aim.Fleet{})
	if err != nil {
		return o.without(a, err)
	}
	r := ladder.Rungs[0]
	if a.programs() {
		return display.Data(a.out, a.format, estimate{Estimate: r.Memory, Recipe: r.Recipe, GPUs: r.GPUs, Type: r.GPUType})
	}
	var s display.Sections
	s.Add("recipe", r.Recipe)
	s.Add("GPUs", display.Count(r.GPUs, r.GPUType, r.GPUType))
	s.Add("memory", display.Memory(r.Memory))
	s.Print(a.out)
	return nil
}

// without answers programs where no recipe fits: that is a verdict, too.
func (o estimateOptions) without(a *app, err error) error {
	var f *aim.Failure
	if a.programs() && errors.As(err, &f) && f.Class == aim.ClassNoRecipe {
		answer := estimate{Estimate: aim.Estimate{Verdict: aim.VerdictNo, Terms: map[string]float64{}, Why: f.Why}}
		if err := display.Data(a.out, a.format, answer); err != nil {
			return err
		}
	}
	return adviseLadder(err)
}

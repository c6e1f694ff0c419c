package recipe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/recipes"
)

// estimateOptions are what an estimate depends on.
type estimateOptions struct {
	spec        aim.DeploymentSpec
	config      string
	stages      int
	stepTokens  string
	utilization string
	kvType      string
}

// Estimate is `aim estimate -o json`.
type Estimate struct {
	aim.Estimate
	Model     string `json:"model"`
	Recipe    string `json:"recipe,omitempty"`
	GPUs      int    `json:"gpus,omitempty"` // of all stages
	Stages    int    `json:"stages,omitempty"`
	Type      string `json:"gpu_type,omitempty"`
	Precision string `json:"precision,omitempty"`

	Parameters       uint64            `json:"parameters,omitempty"`        // that the server loads
	ActiveParameters uint64            `json:"active_parameters,omitempty"` // that one token passes
	Exact            bool              `json:"exact"`                       // the counts rest on no guess
	Task             string            `json:"task,omitempty"`
	TaskSource       string            `json:"task_source,omitempty"`
	Dtype            string            `json:"dtype,omitempty"`
	DtypeSource      string            `json:"dtype_source,omitempty"`
	Format           string            `json:"format,omitempty"`          // of quantized weights
	Context          int               `json:"context,omitempty"`         // tokens that were judged; 0 = as long as fits
	LongestContext   int               `json:"longest_context,omitempty"` // tokens that the model allows
	Layers           []string          `json:"layers,omitempty"`          // each kind of layer in a line
	Code             bool              `json:"own_code,omitempty"`        // the repository brings code of its own
	Resources        *aim.Resources    `json:"resources,omitempty"`       // what the server asks of its node besides GPUs
	ResourceTerms    map[string]string `json:"resource_terms,omitempty"`  // what each of them is made of
}

func NewEstimate(a *cli.App) *cobra.Command {
	var o estimateOptions
	cmd := &cobra.Command{
		Use:   "estimate [MODEL] [flags] [-- SERVER OPTIONS]",
		Short: "Estimate the GPU memory of a model, term by term",
		Long: `Estimate tells what one GPU of a replica would hold, and whether it fits. It
needs no fleet and changes nothing. A model of the catalogue is judged by the
recipe that deploy would choose; any other by its config.json, which is read from
--config, the model cache of this machine, or the hub.

The verdict is "fits", "narrow" (less than 5 % of the budget is left, or there is
little room for captured graphs) or "no". Its terms are for one GPU:

  total         memory of the GPU
  budget        the part that the server may use (--gpu-memory-utilization)
  weights       the model's parameters that this GPU holds
  activations   working memory of one step (--max-num-batched-tokens)
  overhead      the HIP context, and buffers for talking to other GPUs
  graphs        captured graphs, which the server keeps beside its budget
  free_for_kv   what is left for the KV cache: keys and values of all tokens
                that are being worked on
  kv_needed     KV cache of one request of the longest context
  kv_per_token  KV cache of one more token of a long context
  state_per_sequence
                of kv_needed, what layers with a state keep of a request
                whatever its length
  kv_tokens     tokens that fit into the KV cache, over all requests`,
		Example: `  aim estimate Qwen/Qwen3-32B --gpus 2 --max-model-len 32768
  aim estimate --config ./config.json --gpu MI300X --gpus 8 --precision fp8`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.read(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context(), a)
		},
	}
	o.add(cmd)
	AddFlag(cmd)
	return a.Prints(cmd, Estimate{})
}

func (o *estimateOptions) add(cmd *cobra.Command) {
	flags, s := cmd.Flags(), &o.spec
	flags.StringVar(&o.config, "config", "", "config.json of a model, or the `folder` that holds it")
	flags.StringVar(&s.GPUType, "gpu", "", "kind of GPU, such as MI300X")
	flags.StringVar(&s.GPUType, "gpu-type", "", "kind of GPU, as deploy calls it")
	flags.IntVar(&s.GPUs, "gpus", 0, "GPUs of one replica, of all its pipeline stages (default by the recipe)")
	flags.IntVar(&o.stages, "pp", 1, "pipeline stages: groups of GPUs, each with a part of the layers")
	flags.StringVar(&s.Precision, "precision", "", "one of "+strings.Join(aim.Precisions(), ", "))
	flags.StringVar(&s.Recipe, "recipe", "", "judge this recipe and no other")
	flags.StringVar(&s.Metric, "metric", "", "tuned for one of "+strings.Join(aim.Metrics(), ", "))
	flags.StringVar(&s.Revision, "revision", "", "model revision: branch, tag or commit")
	flags.IntVar(&s.MaxModelLen, "max-model-len", 0, "tokens of context")
	flags.StringVar(&o.stepTokens, "max-num-batched-tokens", "", "`tokens` that the server works on at once")
	flags.StringVar(&o.utilization, "gpu-memory-utilization", "", "`share` of the GPU's memory that the server may use, up to 1")
	flags.StringVar(&o.kvType, "kv-cache-dtype", "", "`type` of the values in the KV cache, such as fp8")
	if err := flags.MarkHidden("gpu-type"); err != nil {
		panic(err) // the flag was added above
	}
}

// read takes the command line apart. What has a flag of its own is an option of
// the server like those behind --.
func (o *estimateOptions) read(cmd *cobra.Command, args []string) error {
	model, extra := args, []string(nil)
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		model, extra = args[:dash], args[dash:]
	}
	switch {
	case len(model) > 1:
		return cli.Usage("%q is one argument too many; options for the server go behind --", model[1])
	case len(model) == 1 && o.config != "":
		return cli.Usage("%s is given beside --config; give one of them", model[0])
	case len(model) == 0 && o.config == "":
		return cli.Usage("MODEL is missing: %s", cmd.UseLine())
	case o.config != "":
		o.spec.Model = configModel(o.config)
	default:
		o.spec.Model = model[0]
	}
	given := cmd.Flags().Changed
	for flag, n := range map[string]int{"gpus": o.spec.GPUs, "pp": o.stages} {
		if given(flag) && n < 1 {
			return cli.Usage("--%s is %d; it must be 1 or more", flag, n)
		}
	}
	o.spec.GPUType = strings.ToUpper(o.spec.GPUType)
	for name, value := range map[string]string{
		"max-num-batched-tokens": o.stepTokens, "gpu-memory-utilization": o.utilization, "kv-cache-dtype": o.kvType,
	} {
		if given(name) {
			extra = append(extra, "--"+name+"="+value)
		}
	}
	o.spec.Args = extra
	return o.spec.Validate()
}

func (o *estimateOptions) run(ctx context.Context, a *cli.App) error {
	c, err := Catalogue(a)
	if err != nil {
		return err
	}
	q := recipes.Question{Spec: o.spec, Stages: o.stages}
	if q.Model, err = o.describe(ctx, a, c); err != nil {
		return err
	}
	r, err := c.Appraise(q)
	if err != nil {
		return o.without(a, err)
	}
	if err := o.print(a, r); err != nil {
		return err
	}
	if r.Memory.Verdict == aim.VerdictNo {
		return cli.Quiet(cli.ExitNoCapacity)
	}
	return nil
}

func (o *estimateOptions) print(a *cli.App, r recipes.Appraisal) error {
	if a.Programs() {
		f := r.Facts
		return display.Data(a.Out, a.Format, Estimate{
			Estimate: r.Memory, Model: o.spec.Model, Recipe: r.Recipe, GPUs: r.GPUs * r.Nodes, Stages: r.Nodes, Type: r.GPUType, Precision: r.Precision,
			Parameters: f.Parameters, ActiveParameters: f.Active, Exact: f.Exact, Task: f.Task, TaskSource: f.TaskSource,
			Dtype: f.Dtype, DtypeSource: f.DtypeSource, Format: f.Format, Context: f.Context, LongestContext: f.Longest,
			Layers: f.Layers, Code: f.Code, Resources: &r.Resources, ResourceTerms: r.ResourceTerms,
		})
	}
	var s display.Sections
	s.Add("recipe", fmt.Sprintf("%s\n%s", r.Recipe, r.Why))
	s.Add("model", modelText(r.Facts))
	s.Add("GPUs", gpusText(r.Rung))
	s.Add("memory", display.Memory(r.Memory))
	s.Add("node", resourcesText(r))
	s.Print(a.Out)
	return nil
}

// without answers programs where nothing can be judged: that is a verdict, too.
func (o *estimateOptions) without(a *cli.App, err error) error {
	var f *aim.Failure
	if a.Programs() && errors.As(err, &f) && f.Class == aim.ClassNoRecipe {
		answer := Estimate{Model: o.spec.Model, Estimate: aim.Estimate{Verdict: aim.VerdictNo, Terms: map[string]float64{}, Why: f.Why}}
		if err := display.Data(a.Out, a.Format, answer); err != nil {
			return err
		}
	}
	return Advise(err)
}

// describe reads the config.json, where one is needed.
func (o *estimateOptions) describe(ctx context.Context, a *cli.App, c *recipes.Catalogue) (*recipes.Description, error) {
	if o.config != "" {
		return readConfig(o.spec.Model, o.config)
	}
	if c.Knows(o.spec.Model) {
		return nil, nil
	}
	d, err := describeHere(ctx, a, o.spec)
	if err == nil {
		return &d, nil
	}
	_, unknown := c.Appraise(recipes.Question{Spec: o.spec})
	return nil, Advise(joinUnknown(unknown, err))
}

// modelText is the shape in a line: how large, what for, and its kinds of layers.
func modelText(f recipes.Facts) string {
	var parts []string
	if f.Parameters > 0 {
		size := fmt.Sprintf("%.2f billion parameters", float64(f.Parameters)/1e9)
		if f.Active > 0 && f.Active != f.Parameters {
			size += fmt.Sprintf(", %.2f billion of them for a token", float64(f.Active)/1e9)
		}
		if !f.Exact && len(f.Layers) > 0 {
			size = "about " + size
		}
		parts = append(parts, size)
	}
	parts = append(parts, "to "+f.Task)
	return strings.Join(append(parts, f.Layers...), "; ")
}

// resourcesText tells what the server asks of its node, each with what it is made of.
func resourcesText(r recipes.Appraisal) string {
	var b strings.Builder
	for _, line := range []struct{ name, value, term string }{
		{"CPUs", strconv.Itoa(r.Resources.CPUs), "cpus"},
		{"host memory", display.Bytes(float64(r.Resources.HostBytes)), "host_memory_bytes"},
		{"shared memory", display.Bytes(float64(r.Resources.ShmBytes)), "shm_bytes"},
		{"disk", display.Bytes(float64(r.Resources.DiskBytes)), "disk_bytes"},
	} {
		fmt.Fprintf(&b, "%-14s %10s  %s\n", line.name, line.value, r.ResourceTerms[line.term])
	}
	return strings.TrimRight(b.String(), "\n")
}

// gpusText names the GPUs, and how they are divided where they are.
func gpusText(r aim.Rung) string {
	text := display.Count(r.GPUs*r.Nodes, r.GPUType, r.GPUType)
	if r.Nodes > 1 {
		text += " in " + strconv.Itoa(r.Nodes) + " pipeline stages of " + strconv.Itoa(r.GPUs)
	}
	return text
}

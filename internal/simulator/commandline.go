package simulator

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// commandLine is what follows the backend's program.
type commandLine struct {
	dialect dialect
	version string
	model   string
	given   []aim.Option
	table   *options.Table
}

// parseCommandLine reads the words by the rules of the version's own parser; ""
// is the newest known version. A crash is what that parser would have said.
func parseCommandLine(d dialect, version string, args []string) (*commandLine, error) {
	version = or(version, d.version)
	table, err := options.For(d.backend, version)
	if err != nil {
		return nil, &crash{stage: stageParser, code: exitUsage, cause: "AIM_SIM_VERSION: " + err.Error()}
	}
	c := &commandLine{dialect: d, version: version, table: table}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if d.model == "" && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		c.model, args = args[0], args[1:]
	}
	if c.given, err = table.Parse(args); err != nil {
		return nil, d.refusal(err)
	}
	c.model = or(c.model, c.text(or(d.model, "model")))
	if c.model == "" && d.model != "" {
		return nil, &crash{stage: stageParser, code: exitUsage, cause: d.program + ": error: the following arguments are required: --" + d.model}
	}
	c.model = or(c.model, "Qwen/Qwen3-0.6B") // vLLM's own default
	return c, nil
}

// refusal is how the backend's parser reports what the option table has found:
// the first bad value alone, else all that it does not know in one line. What
// only later checks see ends like any other exception.
func (d dialect) refusal(err error) error {
	var problems options.Problems
	if !errors.As(err, &problems) {
		return err
	}
	if d.backend == "tgi" {
		return clapRefusal(problems[0])
	}
	const unknown = "unrecognized arguments: "
	var words []string
	for _, p := range problems {
		word, isUnknown := strings.CutPrefix(p.Argparse(), unknown)
		switch {
		case p.Argparse() == "":
			continue
		case !isUnknown:
			return &crash{stage: stageParser, code: exitUsage, cause: d.program + ": error: " + p.Argparse()}
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		return configCrash("TypeError: Error: %v", problems)
	}
	program, _, _ := strings.Cut(d.program, " ")
	return &crash{stage: stageParser, code: exitUsage, cause: program + ": error: " + unknown + strings.Join(words, " ")}
}

// clapRefusal is how Rust's usual parser says the same.
func clapRefusal(p options.Problem) error {
	cause := fmt.Sprintf("error: invalid value for '--%s': %s", p.Option, p.Why)
	switch p.Kind {
	case options.Unknown, options.TooNew, options.Removed, options.Stray:
		cause = fmt.Sprintf("error: unexpected argument '--%s' found", p.Option)
	case options.Repeated:
		cause = fmt.Sprintf("error: the argument '--%s' cannot be used multiple times", p.Option)
	}
	return &crash{stage: stageParser, code: exitUsage, cause: cause}
}

// text is the value of an option, as given or by default; "" when there is none.
// A flag that is on is "true".
func (c *commandLine) text(name string) string {
	o, ok := c.table.Get(c.given, name)
	switch {
	case !ok:
		return c.dialect.defaults[name]
	case o.Bare && strings.HasPrefix(o.Name, "no-"):
		return "false"
	case o.Bare:
		return "true"
	case o.Value == "None":
		return ""
	}
	return o.Value
}

// number is the value of a whole-number option; the parser has checked it.
func (c *commandLine) number(name string) int {
	n, _ := strconv.Atoi(c.text(name))
	return n
}

func (c *commandLine) utilization() float64 {
	f, _ := strconv.ParseFloat(c.text("gpu-memory-utilization"), 64)
	return f
}

// names are the names under which the model is served, and then those of its
// adapters (NAME=PATH).
func (c *commandLine) names() []string {
	names := strings.Fields(c.text("served-model-name"))
	if len(names) == 0 {
		names = []string{c.model}
	}
	for _, module := range strings.Fields(c.text("lora-modules")) {
		name, _, _ := strings.Cut(module, "=")
		names = append(names, name)
	}
	return names
}

// gpus is how many GPUs this node's part of the server needs.
func (c *commandLine) gpus() int {
	world := c.number("tensor-parallel-size") * c.number("pipeline-parallel-size") * c.number("data-parallel-size")
	return max(world/c.number("nnodes"), 1)
}

// keys are the API keys that open the server.
func (c *commandLine) keys(env func(string) string) []string {
	if keys := strings.Fields(c.text("api-key")); len(keys) > 0 {
		return keys
	}
	return strings.Fields(env("VLLM_API_KEY"))
}

// String lists what was given, as vLLM logs it, without secrets.
func (c *commandLine) String() string {
	parts := []string{fmt.Sprintf("'model_tag': '%s'", c.model)}
	for _, o := range c.given {
		name, value := strings.ReplaceAll(o.Name, "-", "_"), o.Value
		switch {
		case c.table.Key(o.Name) == "api-key" || c.table.Key(o.Name) == "hf-token":
			value = "***"
		case o.Bare:
			value = "True"
		}
		parts = append(parts, fmt.Sprintf("'%s': '%s'", name, value))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

package ladder

import "github.com/aim-engine/aim"

// featureOptions are the options of the recipe's features, in the words of the
// candidate's backend. A backend that has no such option has the ability built
// in, or not at all: nothing is said to it.
func (c *candidate) featureOptions() (opts []aim.Option, why string) {
	for _, f := range []struct {
		option string
		value  any
		wanted bool
	}{
		{"enable-auto-tool-choice", true, c.recipe.Features.ToolCallParser != ""},
		{"tool-call-parser", c.recipe.Features.ToolCallParser, c.recipe.Features.ToolCallParser != ""},
		{"reasoning-parser", c.recipe.Features.ReasoningParser, c.recipe.Features.ReasoningParser != ""},
	} {
		if _, known := c.table.Spec(f.option); !known || !f.wanted {
			continue
		}
		o, _, problem := c.table.FromValue(f.option, f.value)
		if problem != nil {
			return nil, problem.String()
		}
		opts = append(opts, o)
	}
	return opts, ""
}

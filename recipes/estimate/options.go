package estimate

import (
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// Read takes what the options say about memory. All of them are looked at once:
// a ladder asks for the demand of every candidate.
func (d *Demand) Read(table *options.Table, opts []aim.Option) {
	for _, o := range opts {
		switch table.Word(o.Name) {
		case "max-model-len":
			d.Length, _ = Number(o)
		case "max-num-batched-tokens":
			d.StepTokens, _ = Number(o)
		case "max-num-seqs":
			d.Sequences, _ = Number(o)
		case "block-size":
			d.BlockTokens, _ = Number(o)
		case "kv-cache-memory-bytes":
			n, _ := Number(o)
			d.KVBytes = float64(n)
		case "gpu-memory-utilization":
			d.Utilization, _ = strconv.ParseFloat(o.Value, 64) // checked by the table
		case "enforce-eager":
			d.Eager = !strings.HasPrefix(o.Name, "no-")
		case "enable-expert-parallel":
			d.ExpertParallel = !strings.HasPrefix(o.Name, "no-")
		}
	}
}

// Number reads a numeric option. "auto" is set, and 0.
func Number(o aim.Option) (n int, set bool) {
	n, err := strconv.Atoi(o.Value)
	if err != nil {
		return 0, o.Value == "auto"
	}
	return n, true
}

// InShare is the demand on a share: all that the server takes must be in it,
// captured graphs too, which a whole GPU has beside the budget.
func (d Demand) InShare(bytes aim.Bytes) Demand {
	if bytes == 0 || d.TotalBytes == 0 {
		return d
	}
	d.TotalBytes, d.Utilization, d.KVBytes = float64(bytes), 1, 0
	if !d.Eager {
		d.Utilization = max(0, 1-graphBytes/d.TotalBytes)
	}
	return d
}

package estimate

import (
	"fmt"
	"math"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/text"
)

// Judgement is a demand with its terms and the verdict. Most candidates are judged
// only to be compared: the words are made for those that are shown.
type Judgement struct {
	Demand  Demand
	Terms   Terms
	Verdict aim.Verdict // "" = it cannot be judged
}

// Terms are those of Estimate, in bytes but for kvTokens.
type Terms struct {
	Total, Budget                             float64
	Weights, Activations, Overhead, Graphs    float64
	FreeForKV, KVPerToken, KVNeeded, KVTokens float64
	State                                     float64 // of KVNeeded, what does not grow with the length
	Required                                  float64 // of the recipe's own figure, on each GPU
}

// Judge computes the terms and what follows from them, from what is known:
//
//	size of the weights      all terms, and the verdict by what is left for the KV cache
//	the recipe's own figure  required on each GPU against the budget
//	neither, or no GPU size  no verdict: the recipe is taken at its word
func Judge(d Demand) Judgement {
	j := Judgement{Demand: d, Terms: Terms{Total: d.TotalBytes, Budget: math.Ceil(d.TotalBytes * d.Utilization)}}
	switch {
	case d.TotalBytes == 0:
	case d.WeightBytes == 0 && d.NeededBytes > 0:
		j.Terms.Required = d.NeededBytes / float64(max(d.GPUs, 1)*max(d.Stages, 1))
		j.Verdict = verdictOf(j.Terms.Budget-j.Terms.Required, j.Terms.Budget)
	case d.WeightBytes > 0:
		j.Terms.fill(d)
		j.Verdict = j.byTerms()
	}
	return j
}

// fill computes what a server holds. A KV cache of a fixed size (kv-cache-memory-bytes)
// takes the place of what is left of the budget.
func (t *Terms) fill(d Demand) {
	t.Weights, t.Activations, t.Overhead = d.weights(), d.Activations(), contextBytes
	if !d.Eager {
		t.Graphs = graphBytes
	}
	if d.GPUs > 1 || d.Stages > 1 {
		t.Overhead += ringBytes
	}
	t.FreeForKV = t.Budget - t.Weights - t.Activations - t.Overhead
	if d.KVBytes > 0 {
		t.FreeForKV = d.KVBytes
	}
	if !d.Shape.KeepsKV() {
		return
	}
	length := d.Length
	if length == 0 {
		length = autoTokens
	}
	t.KVPerToken = d.kvPerToken()
	t.KVNeeded, t.State = d.kvNeeded(length)
	if perToken := t.KVNeeded / float64(length); perToken > 0 && t.FreeForKV > 0 {
		t.KVTokens = math.Floor(t.FreeForKV / perToken)
	}
}

// byTerms: what is left of the budget decides, and whether there is room for
// captured graphs outside it. Where a KV cache of a fixed size is asked for, it must
// fit into the GPU as well: the server does not hold it to the budget.
func (j Judgement) byTerms() aim.Verdict {
	t := j.Terms
	left := t.FreeForKV - t.KVNeeded
	if j.Demand.KVBytes > 0 {
		left = min(left, t.Total-t.Weights-t.Activations-t.Overhead-j.Demand.KVBytes)
	}
	verdict := verdictOf(left, t.Budget)
	switch {
	case t.FreeForKV <= 0:
		return aim.VerdictNo
	case verdict == aim.VerdictFits && j.lacksGraphs():
		return aim.VerdictNarrow
	}
	return verdict
}

func verdictOf(left, budget float64) aim.Verdict {
	switch {
	case left < 0:
		return aim.VerdictNo
	case left < narrowShare*budget:
		return aim.VerdictNarrow
	}
	return aim.VerdictFits
}

// lacksGraphs tells whether captured graphs have less room than they need.
func (j Judgement) lacksGraphs() bool { return j.Terms.Total-j.Terms.Budget < j.Terms.Graphs }

// Estimate writes the judgement down.
func (j Judgement) Estimate() aim.Estimate {
	t, terms := j.Terms, make(map[string]float64, 11)
	terms["total"], terms["budget"] = t.Total, t.Budget
	e := aim.Estimate{Verdict: j.Verdict, Basis: j.Demand.Basis, Notes: j.Demand.Notes, Why: j.Why(), Terms: terms}
	switch {
	case t.Required > 0:
		terms["required"] = t.Required
		e.Basis = "the recipe's memory_requirement"
		return e
	case t.Weights == 0:
		return e
	}
	terms["weights"], terms["activations"], terms["overhead"], terms["free_for_kv"] = t.Weights, t.Activations, t.Overhead, t.FreeForKV
	if t.Graphs > 0 {
		terms["graphs"] = t.Graphs
	}
	if j.Demand.Shape.KeepsKV() {
		terms["kv_per_token"], terms["kv_needed"] = t.KVPerToken, t.KVNeeded
	}
	if t.State > 0 {
		terms["state_per_sequence"] = t.State
	}
	if t.KVTokens > 0 {
		terms["kv_tokens"] = t.KVTokens
	}
	for name, v := range terms { // bytes and tokens are whole
		terms[name] = math.Round(v)
	}
	return e
}

// Why tells how the verdict follows from the terms.
func (j Judgement) Why() string {
	t, d := j.Terms, j.Demand
	switch {
	case d.TotalBytes == 0:
		return "the memory of the GPU is not known"
	case t.Required > 0:
		return fmt.Sprintf("the recipe asks for %s on each GPU, of a budget of %s", text.GiB(t.Required), text.GiB(t.Budget))
	case t.Weights == 0:
		return "the size of the weights is not known, so the recipe is taken at its word"
	case t.FreeForKV <= 0:
		return fmt.Sprintf("%s of weights, %s of activations and %s of overhead are more than the budget of %s",
			text.GiB(t.Weights), text.GiB(t.Activations), text.GiB(t.Overhead), text.GiB(t.Budget))
	}
	story := text.GiB(t.Weights) + " of weights, " + text.GiB(t.Activations) + " of activations and " + text.GiB(t.Overhead) + " of overhead leave " +
		text.GiB(t.FreeForKV) + " of the budget of " + text.GiB(t.Budget) + " for the KV cache"
	if d.KVBytes > 0 {
		story = fmt.Sprintf("%s of weights, %s of activations, %s of overhead and a KV cache of %s are to fit in %s",
			text.GiB(t.Weights), text.GiB(t.Activations), text.GiB(t.Overhead), text.GiB(d.KVBytes), text.GiB(t.Total))
	}
	if d.Shape.KeepsKV() {
		story += "; one request of " + tokens(d.Length) + " needs " + text.GiB(t.KVNeeded)
	}
	if j.Verdict == aim.VerdictNarrow && j.lacksGraphs() {
		story += fmt.Sprintf("; only %s stay outside the budget, where captured graphs need about %s", text.GiB(t.Total-t.Budget), text.GiB(t.Graphs))
	}
	return story
}

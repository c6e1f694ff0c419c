package recipes

import (
	"fmt"
	"math"

	"github.com/aim-engine/aim"
)

// judged is a demand with its terms and the verdict. Most candidates are judged
// only to be compared: the words are made for those that are shown.
type judged struct {
	demand  Demand
	terms   terms
	verdict aim.Verdict // "" = it cannot be judged
}

// terms are those of Estimate, in bytes but for kvTokens.
type terms struct {
	total, budget                             float64
	weights, activations, overhead, graphs    float64
	freeForKV, kvPerToken, kvNeeded, kvTokens float64
	required                                  float64 // of the recipe's own figure, on each GPU
}

// judge computes the terms and what follows from them.
func judge(d Demand) judged {
	j := judged{demand: d, terms: terms{total: d.TotalBytes, budget: math.Ceil(d.TotalBytes * d.Utilization)}}
	switch {
	case d.TotalBytes == 0:
	case d.WeightBytes == 0 && d.NeededBytes > 0:
		j.terms.required = d.NeededBytes / float64(max(d.GPUs, 1)*max(d.Stages, 1))
		j.verdict = verdictOf(j.terms.budget-j.terms.required, j.terms.budget)
	case d.WeightBytes > 0:
		j.terms.fill(d)
		j.verdict = j.byTerms()
	}
	return j
}

// fill computes what a server holds.
func (t *terms) fill(d Demand) {
	t.weights, t.activations, t.overhead = d.weights(), d.activations(), contextBytes
	if !d.Eager {
		t.graphs = graphBytes
	}
	if d.GPUs > 1 || d.Stages > 1 {
		t.overhead += ringBytes
	}
	t.freeForKV = t.budget - t.weights - t.activations - t.overhead
	if d.KVBytes > 0 {
		t.freeForKV = d.KVBytes
	}
	if !d.Architecture.keepsKV() {
		return
	}
	length := d.Length
	if length == 0 {
		length = autoTokens
	}
	t.kvPerToken, t.kvNeeded = d.kvPerToken(), d.kvNeeded(length)
	if perToken := t.kvNeeded / float64(length); perToken > 0 && t.freeForKV > 0 {
		t.kvTokens = math.Floor(t.freeForKV / perToken)
	}
}

// byTerms: what is left of the budget decides, and whether there is room for
// captured graphs outside it.
func (j judged) byTerms() aim.Verdict {
	t := j.terms
	left := t.freeForKV - t.kvNeeded
	if j.demand.KVBytes > 0 {
		left = min(left, t.total-t.weights-t.activations-t.overhead-j.demand.KVBytes)
	}
	verdict := verdictOf(left, t.budget)
	switch {
	case t.freeForKV <= 0:
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
func (j judged) lacksGraphs() bool { return j.terms.total-j.terms.budget < j.terms.graphs }

// estimate writes the judgement down.
func (j judged) estimate() aim.Estimate {
	t, terms := j.terms, make(map[string]float64, 10)
	terms["total"], terms["budget"] = t.total, t.budget
	e := aim.Estimate{Verdict: j.verdict, Basis: j.demand.Basis, Why: j.why(), Terms: terms}
	switch {
	case t.required > 0:
		terms["required"] = t.required
		e.Basis = "the recipe's memory_requirement"
		return e
	case t.weights == 0:
		return e
	}
	terms["weights"], terms["activations"], terms["overhead"], terms["free_for_kv"] = t.weights, t.activations, t.overhead, t.freeForKV
	if t.graphs > 0 {
		terms["graphs"] = t.graphs
	}
	if j.demand.Architecture.keepsKV() {
		terms["kv_per_token"], terms["kv_needed"] = t.kvPerToken, t.kvNeeded
	}
	if t.kvTokens > 0 {
		terms["kv_tokens"] = t.kvTokens
	}
	return e
}

// why tells how the verdict follows from the terms.
func (j judged) why() string {
	t, d := j.terms, j.demand
	switch {
	case d.TotalBytes == 0:
		return "the memory of the GPU is not known"
	case t.required > 0:
		return fmt.Sprintf("the recipe asks for %s on each GPU, of a budget of %s", gib(t.required), gib(t.budget))
	case t.weights == 0:
		return "the size of the weights is not known, so the recipe is taken at its word"
	case t.freeForKV <= 0:
		return fmt.Sprintf("%s of weights, %s of activations and %s of overhead are more than the budget of %s",
			gib(t.weights), gib(t.activations), gib(t.overhead), gib(t.budget))
	}
	story := gib(t.weights) + " of weights, " + gib(t.activations) + " of activations and " + gib(t.overhead) + " of overhead leave " +
		gib(t.freeForKV) + " of the budget of " + gib(t.budget) + " for the KV cache"
	if d.KVBytes > 0 {
		story = fmt.Sprintf("%s of weights, %s of activations, %s of overhead and a KV cache of %s are to fit in %s",
			gib(t.weights), gib(t.activations), gib(t.overhead), gib(d.KVBytes), gib(t.total))
	}
	if d.Architecture.keepsKV() {
		story += "; one request of " + tokens(d.Length) + " needs " + gib(t.kvNeeded)
	}
	if j.verdict == aim.VerdictNarrow && j.lacksGraphs() {
		story += fmt.Sprintf("; only %s stay outside the budget, where captured graphs need about %s", gib(t.total-t.budget), gib(t.graphs))
	}
	return story
}

package estimate

import (
	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/text"
	"github.com/aim-engine/aim/recipes/model"
)

// Demand is what one replica puts on its GPUs; see Estimate.
type Demand struct {
	Shape          *model.Shape // nil = not known
	WeightBytes    float64      // of the whole checkpoint; 0 = not known
	GPUs           int          // tensor parallel size
	Stages         int          // pipeline parallel size; 0 = 1
	ExpertParallel bool         // whole experts go to GPUs
	TotalBytes     float64      // memory of each GPU
	Utilization    float64      // share of it that the server may use, 0..1
	Length         int          // longest context in tokens; 0 = as long as fits
	StepTokens     int          // tokens of one scheduler step (max-num-batched-tokens)
	Sequences      int          // requests served at once (max-num-seqs)
	KVValueBytes   float64      // size of one value in the KV cache: 2, or 1 for fp8
	BlockTokens    int          // tokens of one KV block; 0 = 16
	Eager          bool         // no graphs are captured
	KVBytes        float64      // fixed size of the KV cache per GPU; 0 = what is left of the budget
	NeededBytes    float64      // the recipe's own figure over all GPUs, where WeightBytes is not known
	Basis          string       // where the sizes come from
	Notes          []string     // what is not counted, guessed or emulated
}

// What a server needs besides its weights. The first two were not measured
// here: they are allowances, and the log of every start is compared with them.
const (
	contextBytes = 1 << 30 // HIP context and library workspaces of a process
	ringBytes    = 1 << 30 // RCCL buffers of a process that talks to others
	graphBytes   = 3 << 30 // captured graphs: on ROCm outside the budget
	autoTokens   = 2048    // least context that "as long as fits" must reach to be of use
	narrowShare  = 0.05    // of the budget: less left than that is narrow
	blindStep    = 4 << 30 // activations of a model of unknown shape at blindTokens a step
	blindTokens  = 8192    //
	kvBlock      = 16      // vLLM's default block
)

// Estimate computes what one GPU of a replica holds and whether it fits, by
// vLLM's own rule: budget = total × utilization, and what weights, activations
// of one full step and overhead leave of it is KV cache, which must hold one
// request of the asked length. The terms are in bytes but for kv_tokens:
//
//	weights        of one rank: the checkpoint divided by the GPUs, but for what every rank repeats
//	activations    peak of one step of StepTokens tokens, or of the logits of all sequences
//	overhead       HIP context and communication buffers
//	graphs         captured graphs, beyond the budget
//	kv_per_token   what one more token of a long context costs
//	kv_needed      one request of the asked length, its states with it
//	state_per_sequence  of that, what layers keep of a request whatever its length
//	budget, total  what may be used, and what there is
//	free_for_kv    what is left for the KV cache
//	kv_tokens      tokens that fit there, over all requests
//
// Where the weights' size is not known, the verdict is "" and Why says so.
func Estimate(d Demand) aim.Estimate { return Judge(d).Estimate() }

// tokens writes a length; 0 is as long as fits.
func tokens(n int) string {
	if n == 0 {
		return "at least " + text.Tokens(autoTokens)
	}
	return text.Tokens(n)
}

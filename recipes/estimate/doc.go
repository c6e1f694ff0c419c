// Package estimate says how much GPU memory a replica takes, term by term, and
// whether that fits.
//
//	weights.go      what the fullest rank holds of the checkpoint
//	activations.go  the peak of one step
//	kv.go           the KV cache of a token, and of one request
//	judge.go        the verdict, and why
//	resources.go    the memory, CPUs and disk of the node
//
// Qwen3-32B in 16 bit with 32,768 tokens of context on one MI300X:
//
//	total            192.0 GiB ┬ budget   172.8 ┬ weights       61.0   65.5 GB of safetensors
//	                           │                ├ activations    1.6   a step of max-num-batched-tokens
//	                           │                ├ overhead       1.0   the HIP context; one GPU has no RCCL
//	                           │                └ free_for_kv  109.2   of which one request needs
//	                           │                    kv_needed    8.0   32,768 × 256 KiB:
//	                           │                                       64 layers × (K + V) × 8 heads × 128 × 2 B
//	                           └ outside   19.2 ─ graphs         3.0   captured, on ROCm beside the budget
//
// 109.2 - 8.0 is more than a twentieth of the budget: it fits. With less it would be
// narrow, and with less than nothing it would not start.
package estimate

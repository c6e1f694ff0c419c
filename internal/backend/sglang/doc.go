// Package sglang knows the SGLang server: how to write its command line, when it
// is up and answers, what the lines of its log mean, and which of them is the
// cause when it fails.
//
//	backend := sglang.New()
//	args, env, err := backend.Args(rung, "0.0.0.0", 30000)
//	// python3 -m sglang.launch_server <args>
//	err = backend.Prove(ctx, client, url, rung.ServedName, rung.Task)
//	failure, ok := backend.Classify(log, exit)
//
// Unlike vLLM, SGLang listens on loopback and keeps its metrics to itself unless
// it is told otherwise, and its share of GPU memory (mem-fraction-static) is that
// of weights and KV cache alone.
package sglang

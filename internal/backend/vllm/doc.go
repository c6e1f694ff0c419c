// Package vllm knows the vLLM server: how to write its command line, when it
// is up and answers, what the lines of its log mean, and which of them is the
// cause when it fails.
//
//	backend := vllm.New()
//	args, env, err := backend.Args(rung, "0.0.0.0", 8000)
//	// vllm serve <args>
//	err = backend.Prove(ctx, client, url, rung.ServedName, rung.Task)
//	failure, ok := backend.Classify(log, exit)
//
// A vLLM server is several processes that write one log: the API server, the
// engine core and a worker for each GPU. When one fails the others report that
// it did, and the last lines are always such reports. Classify therefore
// searches the whole log for the earliest line that names a cause.
package vllm

// Package tgi knows Hugging Face's Text Generation Inference: how to write its
// command line, when it is up and answers, what the lines of its log mean, and
// which of them is the cause when it fails.
//
//	backend := tgi.New()
//	args, env, err := backend.Args(rung, "0.0.0.0", 8000)
//	// text-generation-launcher <args>
//	err = backend.Prove(ctx, client, url, rung.ServedName, rung.Task)
//
// The project takes only repairs since December 2025. It generates and does
// nothing else, runs on one node, and answers to any model name.
package tgi

// Package openai is what a client sees of a vLLM server: the OpenAI-compatible
// routes, health, and Prometheus metrics with vLLM's names and labels. There is
// no model behind it. Answers are the same for the same request, say that they
// are simulated, and carry the header X-AIM-Simulated.
//
//	s := openai.New(openai.Config{Names: []string{"qwen3-32b"}, MaxModelLen: 32768, MaxSeqs: 256})
//	http.Serve(listener, s)
//
// A token is a blank-separated word. An answer is 24 tokens long, or as long as
// the request demands (max_tokens, min_tokens, ignore_eos).
package openai

// Package openai asks a server that speaks OpenAI's HTTP interface whether it
// is up, what it serves, and whether it answers. The backends share it: they
// differ in paths and in their logs, not in this.
//
//	err := openai.Health(ctx, client, "http://127.0.0.1:8000/health")
//	err = openai.Serves(ctx, client, "http://127.0.0.1:8000", "Qwen/Qwen3-32B")
//	err = openai.Answers(ctx, client, "http://127.0.0.1:8000", "Qwen/Qwen3-32B", "generate")
//
// Every call asks once; how long it may take is up to ctx. A server that wants
// a key gets it from the client's transport.
package openai

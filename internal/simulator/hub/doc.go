// Package hub is a stand-in for a model hub. It speaks the part of the Hugging
// Face HTTP API that AIM Engine uses and serves small models with made-up
// weights, the same bytes at every start, so that `aim up --simulate` and the
// tests can fetch models without a network:
//
//	server := hub.New(hub.Config{})
//	url, err := server.Listen(ctx, "127.0.0.1:0")
//	// HF_ENDPOINT=url: every owner/name exists, with two small weight files.
//
// It says that it is simulated: on its front page, in the header X-Aim-Simulated
// of every answer, and in every config.json that it makes up. The models answer
// nothing sensible; they are there to be fetched.
//
// What the API looks like follows https://huggingface.co/docs/hub/api and the
// headers that huggingface_hub reads (X-Repo-Commit, X-Linked-Etag,
// X-Linked-Size, X-Error-Code, X-Error-Message).
package hub

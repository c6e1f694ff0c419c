package sglang

import (
	"context"
	"net/http"

	"github.com/aim-engine/aim/internal/backend/openai"
)

// Health asks /health once. SGLang answers 200 when it is up and 503 while it
// starts or once its scheduler is stuck.
func (Backend) Health(ctx context.Context, client *http.Client, url string) error {
	return openai.Health(ctx, client, url+"/health")
}

// Prove checks, in this order, that the server is up, that it serves the
// model under this name (else a Failure of class wrong), and that it answers
// one real request. served is the task that it has answered: the asked one, or the
// only one that the server has.
func (b Backend) Prove(ctx context.Context, client *http.Client, url, model, task string) (served string, err error) {
	if err := b.Health(ctx, client, url); err != nil {
		return "", err
	}
	return openai.Proves(ctx, client, url, model, task)
}

package tgi

import (
	"context"
	"net/http"

	"github.com/aim-engine/aim/internal/backend/openai"
)

// Health asks /health once. TGI answers 200 when its model has answered a test
// request, and 503 otherwise.
func (Backend) Health(ctx context.Context, client *http.Client, url string) error {
	return openai.Health(ctx, client, url+"/health")
}

// Prove checks that the server is up and that it answers one real request. TGI
// has one model and takes any name for it, so there is no name to check.
func (b Backend) Prove(ctx context.Context, client *http.Client, url, model, task string) (served string, err error) {
	if err := b.Health(ctx, client, url); err != nil {
		return "", err
	}
	return openai.Answers(ctx, client, url, model, task)
}

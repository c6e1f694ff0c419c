package vllm

import (
	"context"
	"net/http"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/metrics"
)

// Metrics reads once what the server counts of its own work.
func (Backend) Metrics(ctx context.Context, client *http.Client, url string) (aim.Reading, error) {
	return metrics.Get(ctx, client, url+"/metrics", metrics.VLLM)
}

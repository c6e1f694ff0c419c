package client_test

import (
	"context"
	"fmt"
	"log"

	sdk "go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/client"
)

// A model is put into service, asked for its address, and stopped. This example is run
// against a whole stack in internal/e2e.
func Example() {
	t, err := sdk.Dial(sdk.Options{HostPort: "127.0.0.1:7233"})
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	ctx, c := context.Background(), client.New(t)
	if _, err := c.Deploy(ctx, aim.DeploymentSpec{Model: "Qwen/Qwen3-32B", Replicas: 2}); err != nil {
		log.Fatal(err)
	}
	if _, err := c.AwaitReady(ctx, "qwen3-32b"); err != nil {
		log.Fatal(err)
	}
	endpoints, err := c.Endpoints(ctx, "qwen3-32b")
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range endpoints {
		fmt.Println(e.URL, e.Model)
	}
	if err := c.Stop(ctx, "qwen3-32b", "the example is over"); err != nil {
		log.Fatal(err)
	}
}

package temporal

import (
	"context"
	"net"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
)

// frontend answers as Temporal does to a client that connects.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
}

func (frontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{ServerVersion: "test"}, nil
}

// serveFrontend returns its address and a way to kill it.
func serveFrontend(t *testing.T) (address string, kill func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(s, frontend{})
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String(), s.Stop
}

// silent is the address of somebody who takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestADeadFrontendCostsAtMostTwoSeconds(t *testing.T) {
	first, killFirst := serveFrontend(t)
	second, _ := serveFrontend(t)
	for name, address := range map[string]string{
		"nobody there": "127.0.0.1:1," + first, "silent": silent(t) + ", " + first, "last is dead": first + ",127.0.0.1:1",
		"two well": first + "," + second, "a name": "dns:///" + first, "one": first,
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			c := dialTest(t, address)
			if _, err := c.WorkflowService().GetSystemInfo(t.Context(), &workflowservice.GetSystemInfoRequest{}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	t.Run("one dies", func(t *testing.T) {
		c := dialTest(t, first+","+second)
		killFirst()
		began := time.Now()
		for good := 0; good < 10; {
			_, err := c.WorkflowService().GetSystemInfo(t.Context(), &workflowservice.GetSystemInfoRequest{})
			if err == nil {
				good++
				continue
			}
			good = 0 // the call that was under way is lost, as the SDK's own retries expect
			if time.Since(began) > 2*time.Second {
				t.Fatal(err)
			}
		}
	})
}

func dialTest(t *testing.T, address string) client.Client {
	t.Helper()
	options := client.Options{}
	frontends(address, &options)
	c, err := client.DialContext(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

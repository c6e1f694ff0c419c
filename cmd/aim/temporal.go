package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/workflows"
)

const (
	// dialTimeout is longer than a loaded frontend needs, and short enough for
	// a person to wait for the answer that there is none.
	dialTimeout = 5 * time.Second
	// askTimeout is for one query: a control process that lives answers in
	// milliseconds, one that restarts within a second or two.
	askTimeout = 5 * time.Second
)

// temporal connects to Temporal, or says why not.
func (a *app) temporal(ctx context.Context) (client.Client, error) {
	o, err := a.temporalOptions()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, a.unreachable("Temporal at "+a.settings.Temporal.Address, "temporal.address", err)
	}
	a.atEnd(c.Close)
	return c, nil
}

func (a *app) temporalOptions() (client.Options, error) {
	t := a.settings.Temporal
	o := client.Options{
		HostPort: t.Address, Namespace: t.Namespace, Identity: "aim-cli",
		Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	}
	key, err := config.Secret(t.APIKey)
	if err != nil {
		return o, next(err, "set temporal.api_key to env:NAME or file:/path")
	}
	if key != "" {
		o.Credentials = client.NewAPIKeyStaticCredentials(key)
	}
	o.ConnectionOptions.TLS, err = tlsConfig(t)
	return o, err
}

// tlsConfig is nil where no certificate is set: Temporal then speaks plain text,
// or TLS with the system's roots where there is an API key.
func tlsConfig(t config.Temporal) (*tls.Config, error) {
	if t.TLSCert == "" && t.TLSCA == "" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(t.TLSCert, t.TLSKey)
		if err != nil {
			return nil, failed("read the certificate for Temporal: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if t.TLSCA != "" {
		pem, err := os.ReadFile(t.TLSCA)
		if err != nil {
			return nil, failed("read the authority of Temporal's certificate: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, failed("%s holds no certificate", t.TLSCA)
		}
	}
	return c, nil
}

// unreachable says who does not answer, and where its address came from.
func (a *app) unreachable(what, key string, err error) error {
	from := a.settings.Source(key)
	advice := "aim up"
	if a.settings.Given(key) {
		advice = "aim doctor"
	}
	return &problem{err: failed("%s (from %s) does not answer: %v", what, from, shortCause(err)), next: advice}
}

// shortCause is the innermost message of an error; gRPC and the SDK wrap it in
// ever the same words.
func shortCause(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", dialTimeout)
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// status asks a deployment how it is. It answers for finished ones too.
func status(ctx context.Context, c client.Client, name string) (aim.Status, error) {
	var s aim.Status
	if !aim.IsLabel(name) {
		return s, noSuchDeployment(ctx, c, name)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := c.QueryWorkflow(ctx, workflows.DeploymentID(name), "", workflows.QueryStatus)
	if err == nil {
		err = answer.Get(&s)
	}
	if err == nil && s.Name == "" {
		err = errors.New("its answer has no name")
	}
	return s, explainQuery(ctx, c, name, err)
}

// errSilent is a deployment that exists and cannot be asked just now.
var errSilent = errors.New("no control process answers for it")

func explainQuery(ctx context.Context, c client.Client, name string, err error) error {
	var notFound *serviceerror.NotFound
	var queryFailed *serviceerror.QueryFailed
	switch {
	case err == nil:
		return nil
	case errors.As(err, &notFound), errors.As(err, &queryFailed): // not there, or another workflow
		return noSuchDeployment(context.WithoutCancel(ctx), c, name)
	case errors.Is(ctx.Err(), context.Canceled):
		return errInterrupted
	}
	return next(failed("ask deployment %s: %w (%v)", name, errSilent, shortCause(err)), "aim doctor")
}

// noSuchDeployment names the deployment that was probably meant.
func noSuchDeployment(ctx context.Context, c client.Client, name string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	names, err := deploymentNames(ctx, c, false)
	if near := aim.Nearest(name, names); err == nil && near != "" {
		return next(failed("there is no deployment %q; did you mean %q?", name, near), "aim status %s", near)
	}
	return next(failed("there is no deployment %q", name), "aim ps")
}

// deploymentNames lists the deployments that run, or all that Temporal still
// keeps, by name.
func deploymentNames(ctx context.Context, c client.Client, all bool) ([]string, error) {
	query := fmt.Sprintf("WorkflowType = '%s'", workflows.TypeDeployment)
	if !all {
		query += " AND ExecutionStatus = 'Running'"
	}
	var names []string
	var page []byte
	for {
		answer, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 1000, NextPageToken: page})
		if err != nil {
			return nil, failed("list deployments: %v", shortCause(err))
		}
		for _, e := range answer.Executions {
			names = append(names, e.Execution.WorkflowId)
		}
		if page = answer.NextPageToken; len(page) == 0 {
			break
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// statuses asks all deployments. One that cannot be asked is listed with the
// reason: a list that hides what it could not read would lie.
func statuses(ctx context.Context, c client.Client, all bool) ([]aim.Status, error) {
	names, err := deploymentNames(ctx, c, all)
	if err != nil {
		return nil, err
	}
	found := make([]aim.Status, len(names))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16) // queries run on control's workers; more at once only queue there
	for i, name := range names {
		g.Go(func() error {
			s, err := status(ctx, c, name)
			if err != nil {
				s = aim.Status{Name: name, Reason: err.Error(), Replicas: []aim.ReplicaStatus{}}
			}
			found[i] = s
			return nil
		})
	}
	return found, g.Wait()
}

// closing is the failure with which a deployment's workflow has closed, nil if
// it has not failed.
func closing(ctx context.Context, c client.Client, name string) *aim.Failure {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return failureOf(c.GetWorkflow(ctx, workflows.DeploymentID(name), "").Get(ctx, nil))
}

// failureOf reads the failure that a workflow or an update has carried.
func failureOf(err error) *aim.Failure {
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		return nil
	}
	var f aim.Failure
	if app.HasDetails() && app.Details(&f) == nil && f.Class != "" {
		return &f
	}
	return nil
}

// update changes a deployment and waits until the change is written down.
func update[R any](ctx context.Context, c client.Client, name, change string, request any) (R, error) {
	var result R
	if !aim.IsLabel(name) {
		return result, noSuchDeployment(ctx, c, name)
	}
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	handle, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.DeploymentID(name), UpdateName: change, Args: []any{request},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, &result)
	}
	return result, explainUpdate(ctx, c, name, err)
}

// updateTimeout covers a control process that is being restarted.
const updateTimeout = 15 * time.Second

func explainUpdate(ctx context.Context, c client.Client, name string, err error) error {
	var notFound *serviceerror.NotFound
	switch {
	case err == nil:
		return nil
	case failureOf(err) != nil:
		return failureOf(err)
	case errors.As(err, &notFound):
		return noSuchDeployment(context.WithoutCancel(ctx), c, name)
	case errors.Is(ctx.Err(), context.Canceled):
		return errInterrupted
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return next(failed("change deployment %s: no control process has answered within %s; it may still happen", name, updateTimeout), "aim status %s", name)
	}
	return next(failed("change deployment %s: %v", name, shortCause(err)), "aim doctor")
}

// running reads what the long steps of a replica say in their heartbeats.
func running(ctx context.Context, c client.Client, name string, ordinal int) []aim.Progress {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	d, err := c.DescribeWorkflowExecution(ctx, workflows.ReplicaID(name, ordinal), "")
	if err != nil {
		return nil // progress is a kindness; the status tells what matters
	}
	var all []aim.Progress
	for _, p := range d.PendingActivities {
		var progress aim.Progress
		if p.HeartbeatDetails == nil || converter.GetDefaultDataConverter().FromPayloads(p.HeartbeatDetails, &progress) != nil {
			continue
		}
		all = append(all, progress)
	}
	return all
}

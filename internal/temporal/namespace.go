package temporal

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
)

// Namespace is a namespace as the server has it.
type Namespace struct {
	ID         string // "" = there is none; it tells two servers apart that use the same name
	Retention  time.Duration
	Attributes map[string]string // the custom search attributes, name to type: Keyword, KeywordList
	can        *namespacepb.NamespaceInfo_Capabilities
}

// Look reads a namespace. One that is not there is no error.
func Look(ctx context.Context, t client.Client, name string) (Namespace, error) {
	r, err := describe(ctx, t, name)
	if r == nil {
		return Namespace{}, err
	}
	n := Namespace{ID: r.NamespaceInfo.GetId(), Retention: r.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(),
		Attributes: map[string]string{}, can: r.NamespaceInfo.GetCapabilities()}
	have, err := t.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: name})
	if err != nil {
		return Namespace{}, fmt.Errorf("list the search attributes of Temporal namespace %q: %w", name, err)
	}
	for attribute, kind := range have.GetCustomAttributes() {
		n.Attributes[attribute] = kind.String()
	}
	return n, nil
}

// describe is nil without an error where there is no such namespace.
func describe(ctx context.Context, t client.Client, name string) (*workflowservice.DescribeNamespaceResponse, error) {
	r, err := t.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	var missing *serviceerror.NamespaceNotFound
	switch {
	case errors.As(err, &missing):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look up Temporal namespace %q: %w", name, err)
	case r.NamespaceInfo.GetState() == enums.NAMESPACE_STATE_DELETED:
		return nil, aim.Failf(aim.ClassConflict, "Temporal namespace %q is being deleted", name).
			WithHint("wait until it is gone, or set temporal.namespace to another one")
	}
	return r, nil
}

// NamespaceID is the id of the namespace, which tells two servers apart that
// use the same name.
func NamespaceID(ctx context.Context, t client.Client, name string) (string, error) {
	r, err := describe(ctx, t, name)
	if err != nil {
		return "", err
	}
	if r == nil {
		return "", noNamespace(name)
	}
	return r.NamespaceInfo.GetId(), nil
}

func noNamespace(name string) error {
	return aim.Failf(aim.ClassInput, "no namespace %q in Temporal", name).WithHint("aim setup --temporal-namespace %s", aim.Quote(name))
}

// Check refuses to go on where the namespace, or one of the search attributes that
// are wanted, name to type, is missing or of another type: every workflow task would
// fail. The error has the command that mends it.
func Check(ctx context.Context, t client.Client, name string, want map[string]string) error {
	n, err := Look(ctx, t, name)
	if err != nil {
		return err
	}
	return n.Check(name, want)
}

// Check is Check of what has been read.
func (n Namespace) Check(name string, want map[string]string) error {
	if n.ID == "" {
		return noNamespace(name)
	}
	steps, err := Wanted{Namespace: name, Attributes: want}.Steps(n)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.Kind == AddAttributes {
			return aim.Failf(aim.ClassInput, "namespace %q of Temporal lacks the search attributes %s", name, s.names()).
				WithHint("aim setup --temporal-namespace %s", aim.Quote(name))
		}
	}
	return nil
}

package temporal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// NamespaceID is the id of the namespace, which tells two servers apart that
// use the same name.
func NamespaceID(ctx context.Context, t client.Client, name string) (string, error) {
	r, err := t.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	var missing *serviceerror.NamespaceNotFound
	if errors.As(err, &missing) {
		return "", fmt.Errorf("no namespace %q in Temporal; create it with `temporal operator namespace create %s`", name, name)
	}
	if err != nil {
		return "", fmt.Errorf("look up Temporal namespace %q: %w", name, err)
	}
	return r.NamespaceInfo.Id, nil
}

// CheckAttributes refuses to go on where one of the search attributes that are
// wanted, name to type, is missing: every workflow task would fail. The error is
// the command that adds them.
func CheckAttributes(ctx context.Context, t client.Client, namespace string, want map[string]string) error {
	have, err := t.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("list Temporal's search attributes: %w", err)
	}
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, ok := have.CustomAttributes[name]; !ok {
			missing = append(missing, fmt.Sprintf("--name %s --type %s", name, want[name]))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("namespace %q of Temporal lacks search attributes; add them with: temporal operator search-attribute create --namespace %s %s",
		namespace, namespace, strings.Join(missing, " "))
}

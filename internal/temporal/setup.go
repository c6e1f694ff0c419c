package temporal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/aim-engine/aim"
)

// usualRetention is how long a namespace that we make keeps closed workflows: long
// enough for "what happened last week".
const usualRetention = 7 * 24 * time.Hour

// Wanted is how a namespace should be.
type Wanted struct {
	Namespace  string
	Retention  time.Duration     // of closed workflows; 0 = as it is, a week for a new one
	Attributes map[string]string // search attributes, name to type; others may be there
}

// StepKind is what a step does to a namespace.
type StepKind string

const (
	MakeNamespace  StepKind = "make_namespace"
	RaiseRetention StepKind = "raise_retention"
	AddAttributes  StepKind = "add_search_attributes"
)

// Step is one change that leads from a namespace to the wanted one. None takes
// anything away.
type Step struct {
	Kind       StepKind
	Namespace  string
	Retention  time.Duration     // of MakeNamespace and RaiseRetention
	Attributes map[string]string // of AddAttributes, name to type
}

// Steps is what is to be done, in order. It refuses what would take something away:
// closed workflows that are kept longer than is wanted, and a search attribute of
// another type with the values that it has.
func (w Wanted) Steps(have Namespace) ([]Step, error) {
	var steps []Step
	switch {
	case have.ID == "":
		retention := w.Retention
		if retention == 0 {
			retention = usualRetention
		}
		steps = append(steps, Step{Kind: MakeNamespace, Namespace: w.Namespace, Retention: retention})
	case w.Retention > have.Retention:
		steps = append(steps, Step{Kind: RaiseRetention, Namespace: w.Namespace, Retention: w.Retention})
	case w.Retention != 0 && w.Retention < have.Retention:
		return nil, aim.Failf(aim.ClassConflict, "namespace %q keeps closed workflows for %s; with %s some of them would be deleted at once", w.Namespace, have.Retention, w.Retention).
			WithHint("shorten it with Temporal's own tools if that is meant")
	}
	missing := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(w.Attributes)) {
		is, ok := have.Attributes[name]
		switch {
		case !ok:
			missing[name] = w.Attributes[name]
		case is != w.Attributes[name]:
			return nil, aim.Failf(aim.ClassConflict, "search attribute %s of namespace %q is a %s and has to be a %s; another type would take away the values that it has", name, w.Namespace, is, w.Attributes[name]).
				WithHint("remove it with Temporal's own tools if nobody needs it, or set temporal.namespace to another namespace")
		}
	}
	if len(missing) > 0 {
		steps = append(steps, Step{Kind: AddAttributes, Namespace: w.Namespace, Attributes: missing})
	}
	return steps, nil
}

func (s Step) names() string { return strings.Join(slices.Sorted(maps.Keys(s.Attributes)), ", ") }

// String tells the step as done.
func (s Step) String() string {
	switch s.Kind {
	case MakeNamespace:
		return fmt.Sprintf("made namespace %s; closed workflows are kept for %s", s.Namespace, s.Retention)
	case RaiseRetention:
		return fmt.Sprintf("closed workflows of namespace %s are kept for %s", s.Namespace, s.Retention)
	}
	return fmt.Sprintf("added to namespace %s the search attributes %s", s.Namespace, s.names())
}

// Do carries the step out. It may be done again: what is there already is no error.
func (s Step) Do(ctx context.Context, t client.Client) error {
	var err error
	switch s.Kind {
	case MakeNamespace:
		_, err = t.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace: s.Namespace, WorkflowExecutionRetentionPeriod: durationpb.New(s.Retention), Description: "AIM Engine",
		})
	case RaiseRetention:
		_, err = t.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
			Namespace: s.Namespace, Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(s.Retention)},
		})
	case AddAttributes:
		_, err = t.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: s.Namespace, SearchAttributes: s.types(),
		})
	}
	var there *serviceerror.NamespaceAlreadyExists
	var attributeThere *serviceerror.AlreadyExists
	var unknown *serviceerror.Unimplemented
	switch {
	case err == nil, errors.As(err, &there), errors.As(err, &attributeThere):
		return nil
	case denied(err), errors.As(err, &unknown):
		return aim.Failf(aim.ClassAuth, "Temporal does not let us do what is missing (%s): %v", s.task(), err).
			WithHint("do it where this Temporal is administered: %s", s.task())
	}
	return fmt.Errorf("%s: %w", s.task(), err)
}

// denied tells whether the server knows us and does not let us, or does not know us:
// asking again will not help.
func denied(err error) bool {
	var permission *serviceerror.PermissionDenied
	return errors.As(err, &permission) || status.Code(err) == codes.Unauthenticated
}

// task tells the step as something to do.
func (s Step) task() string {
	switch s.Kind {
	case MakeNamespace:
		return fmt.Sprintf("make namespace %q", s.Namespace)
	case RaiseRetention:
		return fmt.Sprintf("let namespace %q keep closed workflows for %s", s.Namespace, s.Retention)
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(s.Attributes)) {
		all = append(all, name+" "+s.Attributes[name])
	}
	return fmt.Sprintf("add to namespace %q the search attributes %s", s.Namespace, strings.Join(all, ", "))
}

func (s Step) types() map[string]enums.IndexedValueType {
	all := map[string]enums.IndexedValueType{}
	for name, kind := range s.Attributes {
		all[name], _ = enums.IndexedValueTypeFromString(kind) // ours are known to it
	}
	return all
}

// betweenLooks is how long Setup waits before it looks again.
const betweenLooks = 500 * time.Millisecond

// Setup makes a namespace as it is wanted, and returns what it has done. It returns
// when the server takes the search attributes: a namespace that has just been made
// and attributes that have just been added are known everywhere only some seconds
// later. A server that does not answer yet is asked until ctx ends; waits, unless it
// is nil, hears why.
func Setup(ctx context.Context, t client.Client, w Wanted, waits func(why error)) (done []Step, err error) {
	for {
		steps, err := again(ctx, t, w)
		for _, s := range steps {
			if !slices.ContainsFunc(done, func(d Step) bool { return d.Kind == s.Kind }) {
				done = append(done, s)
			}
		}
		var refused *aim.Failure
		switch {
		case err == nil && len(steps) == 0:
			return done, nil
		case errors.As(err, &refused), denied(err), ctx.Err() != nil:
			return done, err
		case err != nil && waits != nil:
			waits(err)
		}
		select {
		case <-ctx.Done():
			return done, errors.Join(context.Cause(ctx), err)
		case <-time.After(betweenLooks):
		}
	}
}

// again looks, and does what is missing: no steps and no error when nothing is.
func again(ctx context.Context, t client.Client, w Wanted) (done []Step, err error) {
	have, err := Look(ctx, t, w.Namespace)
	if err != nil {
		return nil, err
	}
	steps, err := w.Steps(have)
	if err != nil {
		return nil, err
	}
	for _, s := range steps {
		if err := s.Do(ctx, t); err != nil {
			return done, err
		}
		done = append(done, s)
	}
	if len(steps) == 0 {
		err = w.usable(ctx, t)
	}
	return done, err
}

// usable asks for workflows by each attribute, which a frontend refuses that does not
// know it yet.
func (w Wanted) usable(ctx context.Context, t client.Client) error {
	var query []string
	for _, name := range slices.Sorted(maps.Keys(w.Attributes)) {
		query = append(query, name+" IS NULL")
	}
	if len(query) == 0 {
		return nil
	}
	_, err := t.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: w.Namespace, Query: strings.Join(query, " AND "),
	})
	if err != nil {
		return fmt.Errorf("ask for workflows by the search attributes: %w", err)
	}
	return nil
}

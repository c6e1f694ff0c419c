package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
)

// serve registers what a user may say to a Deployment. A validator refuses
// before anything is written to the history.
func (d *deployment) serve(ctx workflow.Context) error {
	if err := workflow.SetQueryHandlerWithOptions(ctx, QueryStatus,
		func() (aim.Status, error) { return d.status(), nil },
		workflow.QueryHandlerOptions{Description: "the deployment, its replicas, and what was tried"}); err != nil {
		return err
	}
	for _, u := range []struct {
		name, text         string
		handler, validator any
	}{
		{UpdateApply, "want this DeploymentSpec", d.onApply, d.checkApply},
		{UpdateScale, "want another number of replicas", d.onScale, d.checkScale},
		{UpdateRestart, "replace the servers, one at a time", d.onRestart, d.checkRestart},
		{UpdateMove, "take one replica to another node", d.onMove, d.checkMove},
		{UpdateStop, "end the deployment and free its GPUs", d.onStop, d.checkStop},
	} {
		if err := workflow.SetUpdateHandlerWithOptions(ctx, u.name, u.handler,
			workflow.UpdateHandlerOptions{Description: u.text, Validator: u.validator}); err != nil {
			return err
		}
	}
	d.hear(ctx)
	return nil
}

// applied answers a command. One that changes something ends what was noted of
// the last one.
func (d *deployment) applied(changed bool) Applied {
	if changed {
		d.now.Note, d.now.NotTaken = "", nil
	}
	return Applied{Name: d.now.Spec.Name, UID: d.now.UID, Revision: d.now.Revision, Changed: changed}
}

// wanted is the spec after the last accepted change.
func (d *deployment) wanted() aim.DeploymentSpec {
	if d.apply != nil {
		return *d.apply
	}
	return d.now.Spec
}

// want makes spec the wanted one.
func (d *deployment) want(spec aim.DeploymentSpec) Applied {
	spec.Name = d.now.Spec.Name
	if spec.Equal(d.wanted()) {
		return d.applied(false)
	}
	d.now.Revision++
	d.apply, d.wake = &spec, true
	return d.applied(true)
}

func (d *deployment) checkOpen() error {
	if d.stop != "" || d.now.Failed != nil {
		return failed(aim.Failf(aim.ClassConflict, "deployment %q is ending; wait until it has, then apply again", d.now.Spec.Name).
			WithHint("aim status %s", d.now.Spec.Name))
	}
	return nil
}

func (d *deployment) checkApply(_ workflow.Context, spec aim.DeploymentSpec) error {
	if err := d.checkOpen(); err != nil {
		return err
	}
	if err := spec.Validate(); err != nil {
		return failed(aim.FailureOf(err))
	}
	if spec.Model != d.now.Spec.Model {
		return failed(aim.Failf(aim.ClassConflict, "name %q is taken by a deployment of %s", d.now.Spec.Name, d.now.Spec.Model).
			WithHint("choose another --name, or aim stop %s", d.now.Spec.Name))
	}
	if spec.Name != "" && spec.Name != d.now.Spec.Name {
		return failed(aim.Failf(aim.ClassInput, "name %q does not match deployment %q", spec.Name, d.now.Spec.Name))
	}
	return nil
}

// onApply keeps the number of replicas where none is given: who deploys again to
// change something else, or by habit, does not mean to stop those that were
// scaled up since.
func (d *deployment) onApply(_ workflow.Context, spec aim.DeploymentSpec) (Applied, error) {
	if spec.Replicas == 0 {
		spec.Replicas = d.wanted().Replicas
	}
	return d.want(spec), nil
}

func (d *deployment) checkScale(_ workflow.Context, r ScaleRequest) error {
	if err := d.checkOpen(); err != nil {
		return err
	}
	if r.Replicas < 1 || r.Replicas > aim.MaxReplicas {
		return failed(aim.Failf(aim.ClassInput, "replicas is %d; it must be from 1 to %d", r.Replicas, aim.MaxReplicas).
			WithHint("to end the deployment: aim stop %s", d.now.Spec.Name))
	}
	return nil
}

func (d *deployment) onScale(_ workflow.Context, r ScaleRequest) (Applied, error) {
	spec := d.wanted()
	spec.Replicas = r.Replicas
	return d.want(spec), nil
}

func (d *deployment) checkRestart(workflow.Context, RestartRequest) error { return d.checkOpen() }

func (d *deployment) onRestart(workflow.Context, RestartRequest) (Applied, error) {
	d.now.Generation++
	d.wake = true
	return d.applied(true), nil
}

// checkStop lets a stop through at any time: asking twice is no mistake.
func (d *deployment) checkStop(workflow.Context, StopRequest) error { return nil }

func (d *deployment) onStop(_ workflow.Context, r StopRequest) (Applied, error) {
	changed := d.stop == ""
	if changed {
		d.stop = orElse(r.Why, "stopped on request")
		d.wake = true
	}
	return d.applied(changed), nil
}

package ladder

import (
	"fmt"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/model"
)

// Question asks what a model would hold in GPU memory, whether or not it fits.
type Question struct {
	Spec   aim.DeploymentSpec // GPUs counts those of all stages
	Model  *model.Description // nil = the model is one that the catalogue knows
	Stages int                // pipeline parallel size; 0 = 1
}

// Appraise answers with the rung that a deployment would try first or, where
// none fits, with the one that comes nearest and its verdict "no". It judges
// GPUs as the catalogue's table has them. A precision that nobody publishes the
// model in is judged as if somebody did: the answer says so.
//
// The error is a Failure, for a wish that makes no sense or a model of unknown
// size.
func (m *Maker) Appraise(q Question) (aim.Rung, error) {
	stages := max(q.Stages, 1)
	if q.Spec.GPUs%stages != 0 {
		return aim.Rung{}, aim.Failf(aim.ClassInput, "%d GPUs cannot be divided into %d pipeline stages of the same size", q.Spec.GPUs, stages)
	}
	q.Spec.GPUs /= stages
	s, err := m.appraised(q, stages)
	if err != nil {
		return aim.Rung{}, err
	}
	pool := s.candidates
	if len(pool) == 0 {
		pool = s.unfit
	}
	if len(pool) == 0 && q.Spec.Recipe == "" {
		s.supposePrecision(q)
		pool = slices.Concat(s.candidates, s.unfit)
	}
	if len(pool) == 0 {
		return aim.Rung{}, s.nothing()
	}
	rank(pool)
	r := pool[0].rung(1)
	r.Nodes = stages
	return r, nil
}

// appraised sorts the recipes of the question's model, or derives some.
func (m *Maker) appraised(q Question, stages int) (*selection, error) {
	if q.Model != nil {
		return m.derive(q.Spec, aim.Fleet{}, *q.Model, stages)
	}
	if err := q.Spec.Validate(); err != nil {
		return nil, err
	}
	return m.selectRecipes(shared(q.Spec), aim.Fleet{}, stages)
}

// supposePrecision judges the model as if it were published in the precision
// that is asked for.
func (s *selection) supposePrecision(q Question) {
	t, ok := traitsOfModel(s.target.model)
	if s.target.traits != nil {
		t, ok = *s.target.traits, true
	}
	as, known := model.Supposed(q.Spec.Precision)
	if !ok || !known {
		return
	}
	t.Precision, t.Quant = q.Spec.Precision, as
	m := s.target.model
	cp := t.Checkpoint(model.Description{Model: m.ID}, m.Shape)
	cp.Source = fmt.Sprintf("counted from %s, as if it were published in %s", t.From, t.Precision)
	m.Checkpoints = []model.Checkpoint{cp}
	s.target.model, s.target.traits = m, &t
	s.rejected = nil
	s.considerAll(s.derived(t))
}

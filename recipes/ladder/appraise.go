package ladder

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/estimate"
	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/recipe"
)

// Question asks what a model would hold in GPU memory, whether or not it fits.
type Question struct {
	Spec   aim.DeploymentSpec // GPUs counts those of all stages
	Model  *model.Description // nil = the model is one that the catalogue knows
	Stages int                // pipeline parallel size; 0 = 1
}

// Appraisal is the answer: a rung, and what its estimate was made from.
type Appraisal struct {
	aim.Rung
	Facts Facts
	// ResourceTerms tell what each of the rung's resources is made of.
	ResourceTerms map[string]string
}

// Facts are what is known of a model.
type Facts struct {
	Parameters  uint64   // that a server loads
	Active      uint64   // that one token passes; 0 = not known
	Exact       bool     // the counts rest on no guess
	Task        string   // one of recipe.Tasks
	TaskSource  string   // what says so
	Dtype       string   // to compute in
	DtypeSource string   // what says so, or how the weights are kept
	Format      string   // of the weights, where they are quantized
	Context     int      // tokens that are judged; 0 = as long as fits
	Longest     int      // tokens that the model allows; 0 = not known
	Layers      []string // each kind of layer in a line
	Code        bool     // the repository brings code of its own
}

// Appraise answers with the rung that a deployment would try first or, where
// none fits, with the one that comes nearest and its verdict "no". It judges
// GPUs as the catalogue's table has them. A precision that nobody publishes the
// model in is judged as if somebody did: the answer says so.
//
// The error is a Failure, for a wish that makes no sense or a model of unknown
// size.
func (m *Maker) Appraise(q Question) (Appraisal, error) {
	stages := max(q.Stages, 1)
	if q.Spec.GPUs%stages != 0 {
		return Appraisal{}, aim.Failf(aim.ClassInput, "%d GPUs cannot be divided into %d pipeline stages of the same size", q.Spec.GPUs, stages)
	}
	q.Spec.GPUs /= stages
	s, err := m.appraised(q, stages)
	if err != nil {
		return Appraisal{}, err
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
		return Appraisal{}, s.nothing()
	}
	rank(pool)
	r := pool[0].rung(1)
	r.Nodes = stages
	return Appraisal{Rung: r, Facts: pool[0].facts(), ResourceTerms: estimate.ResourceTerms(r.GPUs)}, nil
}

// facts are what is known of the candidate's model.
func (c *candidate) facts() Facts {
	f := Facts{Task: cmp.Or(c.recipe.Task, recipe.Tasks()[0]), TaskSource: "the recipe", Dtype: c.precision, DtypeSource: "the recipe", Parameters: c.target.model.Parameters}
	if o, ok := c.table.Get(c.opts, "max-model-len"); ok {
		f.Context, _ = estimate.Number(o)
	}
	if t := c.target.traits; t != nil {
		f.Task, f.TaskSource, f.Dtype, f.DtypeSource = cmp.Or(t.Task, f.Task), cmp.Or(t.TaskSource, t.From), t.Dtype, t.DtypeSource
		f.Format, f.Code = t.Quant.Name, t.BringsCode
	}
	if s := c.target.model.Shape; s != nil {
		f.Parameters, f.Active, f.Longest = uint64(s.Total()), uint64(s.Active()), s.MaxPosition
		f.Layers, f.Exact = s.Describe(), s.Exact
	}
	return f
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

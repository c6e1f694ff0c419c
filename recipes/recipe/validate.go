package recipe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// maxGPUs is the most GPUs that one recipe may ask of a node; machines have 8,
// each of which can be split into 8 partitions.
const maxGPUs = 64

var (
	idPattern   = aim.Pattern(`^[a-z0-9][a-z0-9._-]*$`) // at most 128 long
	typePattern = aim.Pattern(`^[A-Z][A-Z0-9]{1,15}$`)
)

// Validate checks the recipe by itself: required fields, known words, and every
// option and environment name against the table of the server version it is
// for. The error is a Failure of class input that names the place.
func (r Recipe) Validate() error {
	for _, check := range []func() error{r.checkNames, r.checkHardware, r.checkWords, r.checkConfig, r.checkFallbacks} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// wrong makes the Failure of a bad field.
func (r Recipe) wrong(path []string, format string, args ...any) error {
	return aim.Failf(aim.ClassInput, "%s: %s", r.doc.At(path...), fmt.Sprintf(format, args...))
}

func (r Recipe) checkNames() error {
	for _, f := range []struct{ name, value string }{
		{"recipe_id", r.ID}, {"model_id", r.Model}, {"precision", r.Precision}, {"backend", r.Backend},
	} {
		if f.value == "" {
			return r.wrong(nil, "field %q is missing", f.name)
		}
	}
	if !idPattern().MatchString(r.ID) || len(r.ID) > 128 {
		return r.wrong([]string{"recipe_id"}, "%q is not an id: use lower-case letters, digits, dots and dashes", r.ID)
	}
	if r.Checkpoint != "" && r.HuggingFaceID != "" && r.Checkpoint != r.HuggingFaceID {
		return r.wrong([]string{"huggingface_id"}, "it differs from checkpoint; give one of them")
	}
	if err := r.checkMatch(); err != nil {
		return err
	}
	return r.checkTargets()
}

// checkMatch checks what limits where the recipe is taken.
func (r Recipe) checkMatch() error {
	for i, t := range r.Match.GPUTypes {
		if !typePattern().MatchString(t) {
			return r.wrong([]string{"match", "gpu_types", fmt.Sprint(i)}, "%q is not a GPU type such as MI300X", t)
		}
	}
	if r.Versions.Min != "" && r.Versions.Max != "" && options.Newer(r.Versions.Min, r.Versions.Max) {
		return r.wrong([]string{"backend_versions"}, "min %s is younger than max %s", r.Versions.Min, r.Versions.Max)
	}
	if why := r.Versions.Exclude(r.Backend, r.ServerVersion()); why != "" {
		return r.wrong([]string{"backend_versions"}, "%s, which the recipe itself is run with", why)
	}
	if r.Resources.CPUs < 0 {
		return r.wrong([]string{"resources", "cpus"}, "it is %d; it must be 1 or more", r.Resources.CPUs)
	}
	return nil
}

// checkTargets lets the deployment rules judge what a deployment may also
// name: model, image, revision.
func (r Recipe) checkTargets() error {
	for _, f := range []struct {
		field string
		spec  aim.DeploymentSpec
	}{
		{"model_id", aim.DeploymentSpec{Model: r.Model}},
		{"checkpoint", aim.DeploymentSpec{Model: r.Weights()}},
		{"image", aim.DeploymentSpec{Model: r.Model, Image: r.Image}},
		{"revision", aim.DeploymentSpec{Model: r.Model, Revision: r.Revision}},
	} {
		if err := f.spec.Validate(); err != nil {
			return r.wrong([]string{f.field}, "%s", aim.FailureOf(err).Why)
		}
	}
	return nil
}

func (r Recipe) checkHardware() error {
	switch {
	case r.Hardware.GPUType == "":
		return r.wrong([]string{"hardware"}, "field \"gpu_type\" is missing")
	case !typePattern().MatchString(r.Hardware.GPUType):
		return r.wrong([]string{"hardware", "gpu_type"}, "%q is not a GPU type such as MI300X", r.Hardware.GPUType)
	case r.Hardware.GPUCount < 1 || r.Hardware.GPUCount > maxGPUs:
		return r.wrong([]string{"hardware", "gpu_count"}, "%d GPUs; it must be from 1 to %d", r.Hardware.GPUCount, maxGPUs)
	}
	return nil
}

func (r Recipe) checkWords() error {
	words := []struct {
		path    []string
		value   string
		allowed []string
	}{
		{[]string{"precision"}, r.Precision, aim.Precisions()},
		{[]string{"backend"}, r.Backend, aim.Backends()},
		{[]string{"metric"}, r.Metric, aim.Metrics()},
		{[]string{"task"}, r.Task, Tasks()},
		{[]string{"maturity"}, r.Maturity, Maturities()},
	}
	for i, e := range r.Evidence {
		if e.Source == "" {
			return r.wrong([]string{"evidence", fmt.Sprint(i)}, "evidence without a source")
		}
		for _, m := range e.Metrics {
			words = append(words, struct {
				path    []string
				value   string
				allowed []string
			}{[]string{"evidence", fmt.Sprint(i), "metrics"}, m, aim.Metrics()})
		}
	}
	for _, w := range words {
		if w.value == "" || slices.Contains(w.allowed, w.value) {
			continue
		}
		hint := "use one of " + strings.Join(w.allowed, ", ")
		if near := aim.Nearest(w.value, w.allowed); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return r.wrong(w.path, "%s %q is not known; %s", w.path[0], w.value, hint)
	}
	return nil
}

// checkConfig checks options and environment.
func (r Recipe) checkConfig() error {
	table, err := options.For(r.Backend, r.ServerVersion())
	if err != nil {
		return r.wrong([]string{"backend_version"}, "%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Config)) {
		if _, _, problem := table.FromValue(name, r.Config[name]); problem != nil {
			return r.wrong([]string{"config", name}, "%s", problem)
		}
	}
	if err := r.checkParallel(table); err != nil {
		return err
	}
	for _, problem := range table.CheckEnv(r.Env) {
		return r.wrong([]string{"env", problem.Option}, "%s: %s", problem.Option, problem.Why)
	}
	return nil
}

// checkParallel refuses a config that contradicts gpu_count. The same number
// twice is fine: recipes are often written that way.
func (r Recipe) checkParallel(table *options.Table) error {
	for _, name := range slices.Sorted(maps.Keys(r.Config)) {
		value := r.Config[name]
		o, ok, _ := table.FromValue(name, value)
		if ok && table.Word(o.Name) == "tensor-parallel-size" && o.Value != fmt.Sprint(r.Hardware.GPUCount) {
			return r.wrong([]string{"config", name}, "tensor_parallel_size is %s, but hardware.gpu_count is %d", o.Value, r.Hardware.GPUCount)
		}
	}
	return nil
}

func (r Recipe) checkFallbacks() error {
	for i, f := range r.Fallbacks {
		path := []string{"fallbacks", fmt.Sprint(i)}
		if len(f.On) == 0 || f.Loses == "" {
			return r.wrong(path, "a fallback needs \"on\" (failure classes) and \"loses\" (what the user gives up)")
		}
		for _, class := range f.On {
			if !slices.Contains(aim.Classes(), class) {
				return r.wrong(append(path, "on"), "failure class %q is not known", class)
			}
			if class.Rule().Next == aim.NextStop {
				return r.wrong(append(path, "on"), "failure class %q is never retried", class)
			}
		}
	}
	return nil
}

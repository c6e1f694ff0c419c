package aim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// DeploymentSpec says what a user wants: a model in service. Every zero value
// means "choose for me". It is the input of the Deployment workflow and of its
// Apply update, so its JSON is a contract.
type DeploymentSpec struct {
	Model          string            `json:"model"`                     // Hugging Face id, or an absolute path on the nodes
	Name           string            `json:"name,omitempty"`            // DNS label; by default a slug of the model
	Replicas       int               `json:"replicas,omitempty"`        // running servers wanted; 0 means 1, or as many as there are
	GPUs           int               `json:"gpus,omitempty"`            // GPUs of one replica
	Nodes          int               `json:"nodes,omitempty"`           // nodes of one replica; 0 means 1
	GPUMemory      Bytes             `json:"gpu_memory,omitempty"`      // share of one GPU's memory; 0 means whole GPUs
	GPUType        string            `json:"gpu_type,omitempty"`        // MI300X, MI325X, ...
	Precision      string            `json:"precision,omitempty"`       // the weights' format
	Backend        string            `json:"backend,omitempty"`         // the server that runs the model
	Recipe         string            `json:"recipe,omitempty"`          // recipe id; no other recipe is tried
	Metric         string            `json:"metric,omitempty"`          // what a recipe is to be tuned for
	Image          string            `json:"image,omitempty"`           // container image, overrides the recipe's
	Revision       string            `json:"revision,omitempty"`        // model revision: branch, tag or commit
	ServedName     string            `json:"served_name,omitempty"`     // model name in the API; by default the model id
	MaxModelLen    int               `json:"max_model_len,omitempty"`   // tokens of context
	Args           []string          `json:"args,omitempty"`            // extra backend options, checked like a recipe's
	Adapters       []Adapter         `json:"adapters,omitempty"`        // LoRA adapters that are served beside the model
	Env            map[string]string `json:"env,omitempty"`             // extra environment of the server
	Secrets        map[string]string `json:"secrets,omitempty"`         // environment name -> reference (env:NAME, file:/path), resolved on the node
	Selector       map[string]string `json:"selector,omitempty"`        // labels that a node must carry
	Priority       int               `json:"priority,omitempty"`        // -100..100; higher waits less
	MinAvailable   int               `json:"min_available,omitempty"`   // replicas that voluntary changes leave ready
	MaxUnavailable int               `json:"max_unavailable,omitempty"` // replicas that a change may take away at once; 0 means 1
	Timeout        Duration          `json:"timeout,omitempty"`         // give up on a first start that takes longer; 0 means never
	Set            string            `json:"set,omitempty"`             // name of the declared set that it belongs to

	// Unknown keeps the fields that this version does not know or whose values
	// it cannot read, so that they can be refused by name and survive a round
	// trip. Under "" is an input that has no fields at all.
	Unknown map[string]json.RawMessage `json:"-"`
}

// Limits of a DeploymentSpec.
const (
	MaxReplicas = 1000
	MaxGPUs     = 1024 // GPUs of one replica
	MaxPriority = 100
	maxImage    = 255
	// reservedName is the id of the workflow that elects the leader.
	reservedName = "scheduler"
	maxLabel     = 53 // DNS label (63) less room for "-<ordinal>" suffixes
	leastShare   = 8 << 30
)

// Values that the named fields of a spec may have; "" always means "choose".
var (
	precisions = []string{"bf16", "fp16", "fp32", "fp8", "fp4", "mxfp4", "nvfp4", "mxfp6", "int8", "int4"}
	backends   = []string{"vllm", "sglang", "tgi"}
	metrics    = []string{"latency", "throughput"}
)

// Precisions lists the precisions a spec or a recipe may name.
func Precisions() []string { return slices.Clone(precisions) }

// Backends lists the LLM servers a spec or a recipe may name.
func Backends() []string { return slices.Clone(backends) }

// Metrics lists what a recipe may be tuned for.
func Metrics() []string { return slices.Clone(metrics) }

var (
	labelPattern = Pattern(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	// Hugging Face ids: owner/name of letters, digits, dots, dashes and underscores.
	modelPattern = Pattern(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$`)
	envPattern   = Pattern(`^[A-Za-z_][A-Za-z0-9_]*$`)
	typePattern  = Pattern(`^[A-Z][A-Z0-9]+$`)
	// A Docker reference without blanks or shell characters; the registry checks the rest.
	imagePattern = Pattern(`^[a-z0-9][A-Za-z0-9._:/@-]*$`)
)

// IsLabel tells whether s is a DNS label: lower case letters, digits and inner
// dashes, at most 63 long. Names of deployments and ids of nodes are labels.
func IsLabel(s string) bool { return len(s) <= 63 && labelPattern().MatchString(s) }

// IsEnvName tells whether s can be the name of an environment variable.
func IsEnvName(s string) bool { return envPattern().MatchString(s) }

// NameOf is the default name of a deployment of this model: its last path
// element as a DNS label ("Qwen/Qwen3-32B" -> "qwen3-32b").
func NameOf(model string) string {
	base := model[strings.LastIndex(strings.TrimRight(model, "/"), "/")+1:]
	var b strings.Builder
	for _, r := range strings.ToLower(base) {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			b.WriteRune(r)
			continue
		}
		if s := b.String(); s != "" && !strings.HasSuffix(s, "-") {
			b.WriteByte('-')
		}
	}
	s := b.String()
	if len(s) > maxLabel {
		s = s[:maxLabel]
	}
	if s = strings.Trim(s, "-"); s == "" {
		return "model"
	}
	return s
}

// Validate checks the spec by itself, without catalogue or fleet. The error is
// a *Failure of class ClassInput that names the field.
func (s DeploymentSpec) Validate() error {
	for _, check := range []func(DeploymentSpec) error{
		checkUnknown, checkNames, checkCounts, checkShare, checkChoices, checkMaps, checkAdapters, checkSize,
	} {
		if err := check(s); err != nil {
			return err
		}
	}
	return nil
}

func checkUnknown(s DeploymentSpec) error {
	if len(s.Unknown) == 0 {
		return nil
	}
	name := slices.Sorted(maps.Keys(s.Unknown))[0]
	if name == "" {
		return inputError("the input is %s, not fields such as {\"model\": \"Qwen/Qwen3-32B\"}", clip(s.Unknown[name]))
	}
	if i := slices.Index(specFields(), name); i >= 0 {
		return inputError("field %q is %s; it must be %s", name, clip(s.Unknown[name]), wordOf(reflect.TypeFor[DeploymentSpec]().Field(i).Type))
	}
	hint := Nearest(name, specFields())
	if hint != "" {
		return inputError("field %q is not known; did you mean %q?", name, hint)
	}
	return inputError("field %q is not known; the fields are %s", name, strings.Join(specFields(), ", "))
}

// clip keeps a value short in a sentence.
func clip(value json.RawMessage) string {
	const longest = 40
	if len(value) > longest {
		return string(value[:longest]) + "..."
	}
	return string(value)
}

// wordOf names a type as a person would.
func wordOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Duration]():
		return "a duration in quotes, such as 90s, 10m or 2h"
	case t == reflect.TypeFor[Bytes]():
		return "a number of bytes, or a size in quotes, such as 40GiB"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Slice:
		return "a list of texts"
	case t.Kind() == reflect.Map:
		return "names with texts"
	}
	return "a text"
}

// maxSpec bounds the JSON of a spec, in bytes: every rung of a ladder repeats
// parts of it, and Temporal takes messages of up to 2 MiB.
const maxSpec = 32 << 10

func checkSize(s DeploymentSpec) error {
	data, err := json.Marshal(s)
	if err != nil {
		return inputError("deployment spec: %v", err)
	}
	if len(data) > maxSpec {
		return inputError("the deployment spec has %d bytes; at most %d can be kept in a workflow: put large values into files or secrets", len(data), maxSpec)
	}
	return nil
}

func checkNames(s DeploymentSpec) error {
	switch {
	case s.Model == "":
		return inputError("field \"model\" is missing; give a Hugging Face id such as Qwen/Qwen3-32B")
	case !strings.HasPrefix(s.Model, "/") && !modelPattern().MatchString(s.Model):
		return inputError("model %q is neither an owner/name id nor an absolute path", s.Model)
	case s.Name != "" && (!IsLabel(s.Name) || len(s.Name) > maxLabel):
		return inputError("name %q is not a DNS label of at most %d characters; try %q", s.Name, maxLabel, NameOf(s.Name))
	case s.Defaulted().Name == reservedName:
		return inputError("name %q is taken by AIM Engine itself; choose another with --name", reservedName)
	case s.Set != "" && !IsLabel(s.Set):
		return inputError("set %q is not a DNS label; try %q", s.Set, NameOf(s.Set))
	case s.Image != "" && (!imagePattern().MatchString(s.Image) || len(s.Image) > maxImage):
		return inputError("image %q is not an image reference", s.Image)
	case s.GPUType != "" && (!typePattern().MatchString(s.GPUType) || len(s.GPUType) > 16):
		return inputError("gpu_type %q is not a GPU type such as MI300X", s.GPUType)
	case strings.ContainsAny(s.Revision+s.ServedName, " \t\n\x00"):
		return inputError("revision and served_name may not hold blanks")
	}
	return nil
}

func checkCounts(s DeploymentSpec) error {
	for _, c := range []struct {
		field         string
		value, lo, hi int
	}{
		{"replicas", s.Replicas, 0, MaxReplicas},
		{"gpus", s.GPUs, 0, MaxGPUs},
		{"nodes", s.Nodes, 0, MaxGPUs},
		{"max_model_len", s.MaxModelLen, 0, 1 << 30},
		{"priority", s.Priority, -MaxPriority, MaxPriority},
		{"min_available", s.MinAvailable, 0, max(s.Replicas, 1)},
		{"max_unavailable", s.MaxUnavailable, 0, max(s.Replicas, 1)},
	} {
		if c.value < c.lo || c.value > c.hi {
			return inputError("field %q is %d; it must be from %d to %d", c.field, c.value, c.lo, c.hi)
		}
	}
	if s.Timeout < 0 {
		return inputError("field \"timeout\" is negative")
	}
	return nil
}

// checkShare: a share is of one GPU, and at least what the HIP context and the
// graphs of a server take.
func checkShare(s DeploymentSpec) error {
	switch {
	case s.GPUMemory == 0:
		return nil
	case s.GPUs > 1 || s.Nodes > 1:
		return inputError("gpu_memory is a share of one GPU; it cannot be given beside %d gpus on %d nodes", s.GPUs, max(s.Nodes, 1))
	case s.GPUMemory < leastShare:
		return inputError("gpu_memory is %s; a server needs at least %s", s.GPUMemory, Bytes(leastShare))
	}
	return nil
}

func checkChoices(s DeploymentSpec) error {
	for _, c := range []struct {
		field, value string
		allowed      []string
	}{
		{"precision", s.Precision, precisions},
		{"backend", s.Backend, backends},
		{"metric", s.Metric, metrics},
	} {
		if c.value == "" || slices.Contains(c.allowed, c.value) {
			continue
		}
		if near := Nearest(c.value, c.allowed); near != "" {
			return inputError("%s %q is not known; did you mean %q?", c.field, c.value, near)
		}
		return inputError("%s %q is not known; use one of %s", c.field, c.value, strings.Join(c.allowed, ", "))
	}
	return nil
}

func checkMaps(s DeploymentSpec) error {
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if !envPattern().MatchString(name) {
			return inputError("env %q is not a name of an environment variable", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		if !envPattern().MatchString(name) {
			return inputError("secret %q is not a name of an environment variable", name)
		}
		if err := CheckSecretRef(s.Secrets[name]); err != nil {
			return inputError("secret %s: %v", name, err)
		}
	}
	return nil
}

// CheckSecretRef checks that ref is a reference (env:NAME or file:/path) and
// not a value; a value would be stored in workflow histories.
func CheckSecretRef(ref string) error {
	if name, ok := strings.CutPrefix(ref, "env:"); ok && envPattern().MatchString(name) {
		return nil
	}
	if path, ok := strings.CutPrefix(ref, "file:"); ok && strings.HasPrefix(path, "/") {
		return nil
	}
	return fmt.Errorf("a secret is given by reference, env:NAME or file:/path, never by value")
}

// Defaulted fills in what follows from the spec alone.
func (s DeploymentSpec) Defaulted() DeploymentSpec {
	if s.Name == "" {
		s.Name = NameOf(s.Model)
	}
	s.Replicas = max(s.Replicas, 1)
	s.Nodes = max(s.Nodes, 1)
	s.MaxUnavailable = max(s.MaxUnavailable, 1)
	return s
}

// Equal tells whether two specs want the same thing.
func (s DeploymentSpec) Equal(o DeploymentSpec) bool {
	a, errA := json.Marshal(s.Defaulted())
	b, errB := json.Marshal(o.Defaulted())
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// specJSON has the fields of DeploymentSpec without its methods.
type specJSON DeploymentSpec

// UnmarshalJSON decodes leniently and remembers the fields that it does not know
// or cannot read, so that an older worker can still replay a newer spec, and a
// workflow can say what is wrong with its input; Validate refuses them.
func (s *DeploymentSpec) UnmarshalJSON(data []byte) error {
	*s = DeploymentSpec{}
	var all map[string]json.RawMessage
	if json.Unmarshal(data, &all) != nil {
		s.Unknown = map[string]json.RawMessage{"": bytes.Clone(data)}
		return nil
	}
	value := reflect.ValueOf(s).Elem()
	for i, name := range specFields() {
		raw, given := all[name]
		field := reflect.New(value.Field(i).Type())
		if !given || json.Unmarshal(raw, field.Interface()) != nil {
			continue
		}
		value.Field(i).Set(field.Elem())
		delete(all, name)
	}
	if len(all) > 0 {
		s.Unknown = all
	}
	return nil
}

// MarshalJSON writes the known fields and keeps the unknown ones.
func (s DeploymentSpec) MarshalJSON() ([]byte, error) {
	known, err := json.Marshal(specJSON(s))
	if err != nil || len(s.Unknown) == 0 {
		return known, err
	}
	if whole, ok := s.Unknown[""]; ok {
		return whole, nil
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(known, &all); err != nil {
		return nil, err
	}
	maps.Copy(all, s.Unknown)
	return json.Marshal(all)
}

// specFields lists the JSON names of DeploymentSpec in their order.
func specFields() []string {
	t := reflect.TypeFor[DeploymentSpec]()
	var names []string
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// Duration is a time.Duration that reads and writes as text ("90s", "10m").
type Duration time.Duration

// MarshalText writes the duration in Go's notation.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads Go's notation.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("duration %q: write it as 90s, 10m or 2h", text)
	}
	*d = Duration(v)
	return nil
}

// Over is s where it is applied to a deployment that is wanted like before: the number
// of replicas and the set stay as they are where s does not say. Who deploys again to
// change something else, or by habit, does not mean to stop what was scaled up since.
func (s DeploymentSpec) Over(before DeploymentSpec) DeploymentSpec {
	if s.Replicas == 0 {
		s.Replicas = before.Replicas
	}
	if s.Set == "" {
		s.Set = before.Set
	}
	return s
}

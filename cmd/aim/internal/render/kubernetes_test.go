package render_test

import (
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	devices "k8s.io/api/resource/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
	"github.com/aim-engine/aim/cmd/aim/internal/render"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/recipes"
	"github.com/spf13/cobra"
)

// kube is one with everything that a launch may have.
func kube(t *testing.T, level aim.ContainerLevel) render.Kube {
	t.Helper()
	minor := func(n int) *int { return &n }
	l := aim.Launch{
		Image: "rocm/vllm:rocm7.0_vllm_0.16.0", Entrypoint: []string{"vllm", "serve"},
		Args:      []string{"Qwen/Qwen3-32B", "--port", "8000", "--hf-overrides", `{"rope":"$(HOME) it's"}`},
		Env:       map[string]string{"HF_HOME": "/cache", "GREETING": "$(HF_HOME)"},
		SecretEnv: map[string]string{"API_KEY": ""},
		GPUs:      []aim.GPU{{ID: "a", RenderMinor: minor(128)}, {ID: "b", RenderMinor: minor(136)}},
		Address:   "10.0.0.5", Port: 18000, Level: level,
		Resources: aim.Resources{CPUs: 8, HostBytes: 32 << 30, ShmBytes: 16 << 30},
		Mounts: []aim.Mount{{Source: "/cache/hub/models--Qwen--Qwen3-32B", Target: "/cache/hub/models--Qwen--Qwen3-32B", ReadOnly: true},
			{Source: "/models/own", Target: "/models/own", ReadOnly: true}},
	}
	spec, err := container.New(l, container.Node{DevRoot: "/dev"})
	if err != nil {
		t.Fatal(err)
	}
	return render.Kube{Name: "chat", Namespace: "llm", Spec: spec, Replicas: 2, Minimum: 1, Service: "ClusterIP",
		Rung: aim.Rung{Model: "Qwen/Qwen3-32B", Revision: "abc", Recipe: "qwen3-32b-2xmi300x-fp16", GPUs: 2, Resources: aim.Resources{DiskBytes: 70 << 30}}}
}

// objectsOf reads what was written as the API server would: by kind, and strictly.
func objectsOf(t *testing.T, text string) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, document := range strings.Split(text, "\n---\n") {
		var kind meta.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		object, known := map[string]any{
			"v1/ConfigMap": &core.ConfigMap{}, "v1/PersistentVolumeClaim": &core.PersistentVolumeClaim{}, "v1/Service": &core.Service{},
			"batch/v1/Job": &batch.Job{}, "apps/v1/Deployment": &apps.Deployment{}, "networking.k8s.io/v1/NetworkPolicy": &networking.NetworkPolicy{},
			"policy/v1/PodDisruptionBudget": &policy.PodDisruptionBudget{}, "resource.k8s.io/v1/ResourceClaimTemplate": &devices.ResourceClaimTemplate{},
		}[kind.APIVersion+"/"+kind.Kind]
		if !known {
			t.Fatalf("nobody expects a %s of %s", kind.Kind, kind.APIVersion)
		}
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			t.Errorf("%s: %v", kind.Kind, err)
		}
		named, ok := object.(meta.Object)
		if problems := validation.IsDNS1123Subdomain(named.GetName()); !ok || len(problems) > 0 {
			t.Errorf("%s: %q: %v", kind.Kind, named.GetName(), problems)
		}
		for k, v := range named.GetLabels() {
			if problems := append(validation.IsQualifiedName(k), validation.IsValidLabelValue(v)...); len(problems) > 0 {
				t.Errorf("%s: label %s=%s: %v", kind.Kind, k, v, problems)
			}
		}
		all[kind.Kind] = object
	}
	return all
}

func written(t *testing.T, k render.Kube) (string, map[string]any) {
	t.Helper()
	text, err := render.Kubernetes(k)
	if err != nil {
		t.Fatal(err)
	}
	return text, objectsOf(t, text)
}

// The objects are those of Kubernetes' own types, ask for what is limited, and are as
// closed as the container of a node.
func TestKubernetes(t *testing.T) {
	for _, level := range []aim.ContainerLevel{aim.LevelCompat, aim.LevelStrict} {
		text, all := written(t, kube(t, level))
		clitest.Golden(t, "kubernetes-"+string(level)+".yaml", text)
		pod := all["Deployment"].(*apps.Deployment).Spec.Template.Spec
		server := pod.Containers[0]
		for name, limit := range server.Resources.Limits {
			if request := server.Resources.Requests[name]; request.Cmp(limit) != 0 {
				t.Errorf("%s: %v is asked of %s, and %v the limit", level, request, name, limit)
			}
		}
		if gpus := server.Resources.Limits["amd.com/gpu"]; gpus.Value() != 2 {
			t.Errorf("%s: %v GPUs", level, gpus)
		}
		for _, c := range append(pod.InitContainers, server) {
			s := c.SecurityContext
			if *s.AllowPrivilegeEscalation || s.Privileged != nil || s.Capabilities.Drop[0] != "ALL" || (s.ReadOnlyRootFilesystem != nil) != (level == aim.LevelStrict) {
				t.Errorf("%s: %s may do %+v", level, c.Name, s)
			}
		}
		if nonRoot := pod.SecurityContext.RunAsNonRoot; (nonRoot != nil) != (level == aim.LevelStrict) {
			t.Errorf("%s: run as non-root is %v", level, nonRoot)
		}
		for _, text := range append(server.Args, server.Env[0].Value) {
			if strings.Contains(strings.ReplaceAll(text, "$$(", ""), "$(") {
				t.Errorf("%s: Kubernetes would replace a variable in %q", level, text)
			}
		}
		if strings.Contains(text, "status:") || strings.Contains(text, "creationTimestamp") {
			t.Errorf("%s: fields that the server writes are there", level)
		}
		if p := all["NetworkPolicy"].(*networking.NetworkPolicy).Spec; len(p.Egress) != 0 || len(p.PolicyTypes) != 2 {
			t.Errorf("%s: the servers may ask somebody: %+v", level, p)
		}
		job := all["Job"].(*batch.Job).Spec.Template
		if job.Labels["app.kubernetes.io/component"] == all["Deployment"].(*apps.Deployment).Spec.Selector.MatchLabels["app.kubernetes.io/component"] {
			t.Error("the job that fetches is taken for a server")
		}
	}
}

// With a claim the GPUs are the driver's to count, and not asked for twice.
func TestKubernetesByClaim(t *testing.T) {
	k := kube(t, aim.LevelStrict)
	k.Claim, k.Replicas = true, 1
	_, all := written(t, k)
	pod := all["Deployment"].(*apps.Deployment).Spec.Template.Spec
	request := all["ResourceClaimTemplate"].(*devices.ResourceClaimTemplate).Spec.Spec.Devices.Requests[0].Exactly
	if _, counted := pod.Containers[0].Resources.Limits["amd.com/gpu"]; counted || request.Count != 2 || request.DeviceClassName != "gpu.amd.com" {
		t.Errorf("counted too: %t, %+v", counted, request)
	}
	if name := *pod.ResourceClaims[0].ResourceClaimTemplateName; name != all["ResourceClaimTemplate"].(meta.Object).GetName() || pod.ResourceClaims[0].Name != pod.Containers[0].Resources.Claims[0].Name {
		t.Errorf("the Pod asks for claim %s", name)
	}
	if _, there := all["PodDisruptionBudget"]; there {
		t.Error("one replica has a budget that lets no node be drained")
	}
}

// Weights of the node's own are mounted, and nothing is fetched; adapters are fetched
// with their model.
func TestKubernetesFetchesWhatIsNotThere(t *testing.T) {
	k := kube(t, aim.LevelCompat)
	k.Rung.Model = "/models/own"
	text, all := written(t, k)
	if _, there := all["Job"]; there || strings.Contains(text, "claimName") || !strings.Contains(text, "path: /models/own") {
		t.Errorf("of weights of the node's own:\n%s", text)
	}
	k.Rung.Companions = []aim.Companion{{Kind: aim.CompanionAdapter, Model: "o/lora", Revision: "v1"}}
	_, all = written(t, k)
	script := all["Job"].(*batch.Job).Spec.Template.Spec.Containers[0].Command[2]
	if !strings.Contains(script, `snapshot_download("o/lora", revision="v1", local_files_only=False)`) || strings.Contains(script, "/models/own") {
		t.Errorf("fetched by\n%s", script)
	}
}

// Every recipe of the catalogue is written in a form that Kubernetes takes.
func TestKubernetesOfEveryRecipe(t *testing.T) {
	clitest.Alone(t)
	c, err := recipes.Load()
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.All("")
	if err != nil || len(all) < 50 {
		t.Fatalf("%d recipes, %v", len(all), err)
	}
	for _, r := range all {
		args := []string{"render", r.Model, "--recipe", r.ID, "--target", "kubernetes", "--replicas", "2"}
		if r.Hardware.GPUCount%2 == 0 {
			args = append(args, "--claim")
		}
		code, stdout, stderr := clitest.Run(t, []func(*cli.App) *cobra.Command{render.New}, args...)
		if code != 0 {
			t.Errorf("%s: %d: %s", r.ID, code, stderr)
			continue
		}
		pod := objectsOf(t, stdout)["Deployment"].(*apps.Deployment).Spec.Template.Spec
		gpus, counted := pod.Containers[0].Resources.Limits["amd.com/gpu"]
		if counted == (len(pod.ResourceClaims) > 0) || counted && gpus.Value() != int64(r.Hardware.GPUCount) {
			t.Errorf("%s: %v GPUs and %d claims", r.ID, gpus.Value(), len(pod.ResourceClaims))
		}
	}
}

// What would be ignored, or cannot be, is refused.
func TestKubernetesRefuses(t *testing.T) {
	clitest.Alone(t)
	for _, args := range [][]string{
		{"--namespace", "llm"}, {"--claim", "--target", "docker"}, {"--target", "kubernetes", "--namespace", "My Models"},
		{"--target", "kubernetes", "--service", "Public"}, {"--target", "kubernetes", "--gpu-memory", "40GiB"},
	} {
		code, stdout, stderr := clitest.Run(t, []func(*cli.App) *cobra.Command{render.New}, append([]string{"render", "meta-llama/Llama-3.1-8B-Instruct"}, args...)...)
		if code != cli.ExitUsage || stdout != "" {
			t.Errorf("%v: %d: %s%s", args, code, stdout, stderr)
		}
	}
}

package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
)

// kubeCache is where Pods find the weights, on a volume of the deployment's own.
const kubeCache = "/cache"

// Kubernetes' names for AMD's GPUs: what the device plugin counts, and the class of
// the DRA driver (ROCm/k8s-device-plugin, ROCm/k8s-gpu-dra-driver).
const (
	gpuResource = "amd.com/gpu"
	gpuClass    = "gpu.amd.com"
)

// Kube is a deployment as objects of Kubernetes.
type Kube struct {
	Name      string // DNS label of at most 53 characters
	Namespace string // "" = the one that kubectl applies to
	Spec      container.Spec
	Rung      aim.Rung
	Replicas  int
	Minimum   int    // replicas that a voluntary disruption leaves
	Service   string // ClusterIP, NodePort or LoadBalancer
	Claim     bool   // GPUs by a DRA claim, else by the device plugin's count
	Comment   []string
}

// object is one as it is written. Kubernetes' own types would cost every process of
// this program, shims included, 8 MiB of memory at its start; tests read what is
// written into them, strictly.
type (
	object = map[string]any
	list   = []any
)

// Kubernetes writes the objects that serve a deployment without AIM Engine, for
// kubectl apply: what is mounted, allowed and limited is what a node would give it.
func Kubernetes(k Kube) (string, error) {
	all := []object{k.config()}
	if k.fetches() {
		all = append(all, k.cache(), k.fetch())
	}
	all = append(all, k.deployment(), k.service(), k.network())
	if k.Claim {
		all = append(all, k.claims())
	}
	if k.Replicas > 1 {
		all = append(all, k.disruption())
	}
	var b strings.Builder
	for _, line := range k.Comment {
		b.WriteString("# " + line + "\n")
	}
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	for _, o := range all {
		if err := e.Encode(o); err != nil {
			return "", fmt.Errorf("write the objects of %s: %w", k.Name, err)
		}
	}
	return b.String(), e.Close()
}

// object begins one; the model is an annotation, since ids have slashes and are longer
// than labels may be.
func (k Kube) object(version, kind, suffix, part string, fields object) object {
	meta := object{"name": k.Name + suffix, "labels": k.labels(part),
		"annotations": object{"aim-engine/model": k.Rung.Model, "aim-engine/recipe": k.Rung.Recipe}}
	if k.Namespace != "" {
		meta["namespace"] = k.Namespace
	}
	o := object{"apiVersion": version, "kind": kind, "metadata": meta}
	maps.Copy(o, fields)
	return o
}

func (k Kube) labels(part string) object {
	return object{"app.kubernetes.io/name": k.Name, "app.kubernetes.io/component": part}
}

func (k Kube) secret() string { return k.Name + "-secrets" }

// config is the rung that is rendered, for people and tools that look for it.
func (k Kube) config() object {
	rung, _ := json.MarshalIndent(k.Rung, "", "  ") // words and numbers
	return k.object("v1", "ConfigMap", "-recipe", "recipe", object{"data": object{"rung.json": string(rung)}})
}

// cache is the volume of the weights. Pods on several nodes read it: it has to be one
// that several nodes may mount.
func (k Kube) cache() object {
	return k.object("v1", "PersistentVolumeClaim", "-cache", "cache", object{"spec": object{
		"accessModes": list{"ReadWriteMany"},
		"resources":   object{"requests": object{"storage": quantity(max(k.Rung.Resources.DiskBytes, 1<<30))}},
	}})
}

// quantity is a number of bytes in the largest binary unit that divides it.
func quantity(bytes uint64) string {
	for i, unit := range []string{"Gi", "Mi", "Ki"} {
		if size := uint64(1) << (30 - 10*i); bytes%size == 0 {
			return strconv.FormatUint(bytes/size, 10) + unit
		}
	}
	return strconv.FormatUint(bytes, 10)
}

// repositories are what has to be brought, with their revisions: the model, where it
// is none of the node's own, and what is served beside it.
func (k Kube) repositories() (all [][2]string) {
	if !strings.HasPrefix(k.Rung.Model, "/") {
		all = append(all, [2]string{k.Rung.Model, k.Rung.Revision})
	}
	for _, c := range k.Rung.Companions {
		all = append(all, [2]string{c.Model, c.Revision})
	}
	return all
}

func (k Kube) fetches() bool { return len(k.repositories()) > 0 }

// script brings all repositories, or with local "True" finds out whether they are
// there. Ids and revisions are of letters that mean the same in Python.
func (k Kube) script(local string) list {
	lines := []string{"from huggingface_hub import snapshot_download"}
	for _, r := range k.repositories() {
		revision := "None"
		if r[1] != "" {
			revision = strconv.Quote(r[1])
		}
		lines = append(lines, fmt.Sprintf("snapshot_download(%s, revision=%s, local_files_only=%s)", strconv.Quote(r[0]), revision, local))
	}
	return list{"python3", "-c", strings.Join(lines, "\n")}
}

// fetch is the one that goes online. A gated model needs HF_TOKEN in the secret.
func (k Kube) fetch() object {
	security := k.security()
	delete(security, "readOnlyRootFilesystem")
	return k.object("batch/v1", "Job", "-fetch", "fetch", object{"spec": object{
		"backoffLimit": 6,
		"template": object{
			"metadata": object{"labels": k.labels("fetch")},
			"spec": object{
				"restartPolicy": "OnFailure", "securityContext": k.podSecurity(),
				"containers": list{object{
					"name": "fetch", "image": k.Spec.Image, "command": k.script("False"), "securityContext": security,
					"env": list{object{"name": "HF_HOME", "value": kubeCache},
						object{"name": "HF_TOKEN", "valueFrom": object{"secretKeyRef": object{"name": k.secret(), "key": "HF_TOKEN", "optional": true}}}},
					"volumeMounts": list{object{"name": "cache", "mountPath": kubeCache}},
				}},
				"volumes": list{k.cacheVolume(false)},
			},
		},
	}})
}

func (k Kube) cacheVolume(readOnly bool) object {
	return object{"name": "cache", "persistentVolumeClaim": object{"claimName": k.Name + "-cache", "readOnly": readOnly}}
}

// deployment waits for the weights. It stops a Pod before it starts another: new first
// is Kubernetes' default, and waits for ever where no GPUs are to spare.
func (k Kube) deployment() object {
	pod := object{
		"securityContext": k.podSecurity(), "containers": list{k.server()}, "volumes": k.volumes(),
		"automountServiceAccountToken": false, "enableServiceLinks": false,
	}
	if k.fetches() {
		pod["initContainers"] = list{k.wait()}
	}
	if k.Claim {
		pod["resourceClaims"] = list{object{"name": "gpus", "resourceClaimTemplateName": k.Name + "-gpus"}}
	}
	return k.object("apps/v1", "Deployment", "", "server", object{"spec": object{
		"replicas": k.Replicas, "selector": object{"matchLabels": k.labels("server")},
		"strategy": object{"type": "RollingUpdate", "rollingUpdate": object{"maxUnavailable": 1, "maxSurge": 0}},
		"template": object{"metadata": object{"labels": k.labels("server")}, "spec": pod},
	}})
}

// wait is over when the weights are there.
func (k Kube) wait() object {
	return object{
		"name": "weights", "image": k.Spec.Image, "securityContext": k.security(),
		"command":      append(list{"sh", "-c", `until "$@" 2>/dev/null; do sleep 5; done`, "sh"}, k.script("True")...),
		"env":          list{object{"name": "HF_HOME", "value": kubeCache}, object{"name": "HF_HUB_OFFLINE", "value": "1"}},
		"volumeMounts": list{object{"name": "cache", "mountPath": kubeCache, "readOnly": true}},
	}
}

// server is the container of the node, by the same rules.
func (k Kube) server() object {
	health := func(period, failures int) object {
		return object{"httpGet": object{"path": "/health", "port": "http"}, "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 5}
	}
	c := object{
		"name": "server", "image": k.Spec.Image, "args": literal(k.Spec.Args), "securityContext": k.security(),
		"ports": list{object{"name": "http", "containerPort": container.Port}}, "env": k.env(), "volumeMounts": k.mounts(), "resources": k.resources(),
		// A start may load hundreds of GiB over a slow disk and compile for minutes; a
		// server that is busy answers late, and is not to be killed for that.
		"startupProbe": health(10, k.startPeriods()), "readinessProbe": health(5, 3), "livenessProbe": health(30, 10),
	}
	if len(k.Spec.Entrypoint) > 0 {
		c["command"] = literal(k.Spec.Entrypoint)
	}
	return c
}

// literal keeps Kubernetes from replacing $(NAME) by a variable.
func literal(words []string) (all list) {
	for _, w := range words {
		all = append(all, strings.ReplaceAll(w, "$(", "$$("))
	}
	return all
}

// startPeriods are how many times ten seconds a start may take: its weights at 100 MB
// a second, and twenty minutes for everything else.
func (k Kube) startPeriods() int { return int(120 + k.Rung.Resources.DiskBytes/100e6/10) }

func (k Kube) env() (all list) {
	for _, name := range slices.Sorted(maps.Keys(k.Spec.Env)) {
		all = append(all, object{"name": name, "value": strings.ReplaceAll(k.Spec.Env[name], "$(", "$$(")})
	}
	for _, name := range slices.Sorted(maps.Keys(k.Spec.Secrets)) {
		all = append(all, object{"name": name, "valueFrom": object{"secretKeyRef": object{"name": k.secret(), "key": name}}})
	}
	return all
}

// volumes are the cache, memory, and folders of the node that hold weights of its own.
func (k Kube) volumes() list {
	all := list{memory("shm", k.Spec.Limits.ShmBytes)}
	if k.fetches() {
		all = append(all, k.cacheVolume(true))
	}
	for i, s := range k.Spec.Scratch {
		all = append(all, memory(fmt.Sprintf("scratch-%d", i), s.Bytes))
	}
	for i, m := range k.own() {
		all = append(all, object{"name": fmt.Sprintf("node-%d", i), "hostPath": object{"path": m.Source}})
	}
	return all
}

func memory(name string, bytes uint64) object {
	dir := object{"medium": "Memory"}
	if bytes > 0 {
		dir["sizeLimit"] = quantity(bytes)
	}
	return object{"name": name, "emptyDir": dir}
}

func (k Kube) mounts() list {
	all := list{object{"name": "shm", "mountPath": "/dev/shm"}}
	if k.fetches() {
		all = append(all, object{"name": "cache", "mountPath": kubeCache, "readOnly": true})
	}
	for i, s := range k.Spec.Scratch {
		all = append(all, object{"name": fmt.Sprintf("scratch-%d", i), "mountPath": s.Target})
	}
	for i, m := range k.own() {
		all = append(all, object{"name": fmt.Sprintf("node-%d", i), "mountPath": m.Target, "readOnly": m.ReadOnly})
	}
	return all
}

// own are the mounts that do not lie in the cache.
func (k Kube) own() (all []aim.Mount) {
	for _, m := range k.Spec.Mounts {
		if clean := path.Clean(m.Source); clean != kubeCache && !strings.HasPrefix(clean, kubeCache+"/") {
			all = append(all, m)
		}
	}
	return all
}

// resources asks for what is limited: extended resources have to be equal, and a
// server that shares its memory with nobody is not the first to be evicted. GPUs of a
// claim are counted there.
func (k Kube) resources() object {
	given := object{}
	if n := k.Spec.Limits.CPUs; n > 0 {
		given["cpu"] = strconv.Itoa(n)
	}
	if n := k.Spec.Limits.MemoryBytes; n > 0 {
		given["memory"] = quantity(n)
	}
	r := object{"requests": given, "limits": given}
	if k.Claim {
		r["claims"] = list{object{"name": "gpus"}}
	} else {
		given[gpuResource] = strconv.Itoa(k.Rung.GPUs)
	}
	return r
}

// security is the container's level.
func (k Kube) security() object {
	s := object{"allowPrivilegeEscalation": false}
	if k.Spec.Drop {
		s["capabilities"] = object{"drop": list{"ALL"}}
	}
	if k.Spec.ReadOnlyRoot {
		s["readOnlyRootFilesystem"] = true
	}
	return s
}

// podSecurity is the user, and the filter of system calls.
func (k Kube) podSecurity() object {
	filter := "RuntimeDefault"
	if k.Spec.Unconfined {
		filter = "Unconfined"
	}
	s := object{"seccompProfile": object{"type": filter}}
	uid, gid, _ := strings.Cut(k.Spec.User, ":")
	if user, err := strconv.Atoi(uid); err == nil {
		s["runAsNonRoot"], s["runAsUser"] = user != 0, user
	}
	if group, err := strconv.Atoi(gid); err == nil {
		s["runAsGroup"], s["fsGroup"] = group, group
	}
	return s
}

func (k Kube) service() object {
	return k.object("v1", "Service", "", "server", object{"spec": object{
		"type": k.Service, "selector": k.labels("server"),
		"ports": list{object{"name": "http", "port": container.Port, "targetPort": "http"}},
	}})
}

// network lets the namespace ask the servers, and the servers ask nobody: they were
// started offline. The job that fetches is not one of them.
func (k Kube) network() object {
	return k.object("networking.k8s.io/v1", "NetworkPolicy", "", "server", object{"spec": object{
		"podSelector": object{"matchLabels": k.labels("server")}, "policyTypes": list{"Ingress", "Egress"},
		"ingress": list{object{"from": list{object{"podSelector": object{}}}, "ports": list{object{"port": container.Port}}}},
	}})
}

// disruption keeps a drain of nodes from taking all replicas at once.
func (k Kube) disruption() object {
	return k.object("policy/v1", "PodDisruptionBudget", "", "server", object{"spec": object{
		"minAvailable": max(k.Minimum, 1), "selector": object{"matchLabels": k.labels("server")},
	}})
}

// claims asks the DRA driver for whole GPUs, for each Pod its own.
func (k Kube) claims() object {
	return k.object("resource.k8s.io/v1", "ResourceClaimTemplate", "-gpus", "server", object{"spec": object{"spec": object{"devices": object{"requests": list{object{
		"name": "gpus", "exactly": object{"deviceClassName": gpuClass, "allocationMode": "ExactCount", "count": k.Rung.GPUs},
	}}}}}})
}

package display

import (
	"time"

	"github.com/aim-engine/aim"
)

// noon is the time at which all goldens are looked at.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func at(before time.Duration) string { return noon.Add(-before).Format(time.RFC3339Nano) }

func ptr[T any](v T) *T { return &v }

// pulling is a deployment in the middle of its second attempt.
func pulling() aim.Status {
	return aim.Status{
		Name: "qwen3-32b", UID: "u1", Revision: 1, Model: "Qwen/Qwen3-32B", Phase: aim.Pulling, Reason: "pulling", Wanted: 1, Since: noon.Add(-4 * time.Second),
		Replicas: []aim.ReplicaStatus{{
			Ordinal: 0, Attempt: 2, Phase: aim.Pulling, Since: noon.Add(-3 * time.Second), Node: "n1", GPUs: []string{"GPU-01"}, Recipe: "qwen3-32b-1xmi300x", Rung: 2, Rungs: 3,
			Image: "rocm/vllm:v1", Loses: "half of the context length", Placed: "n1 has 7 free GPUs", Simulated: true,
			Tries: []aim.Try{{Attempt: 1, Rung: 1, Recipe: "qwen3-32b-1xmi300x", Node: "n2", Class: aim.ClassOOM,
				Why: "GPU memory ran out while loading weights", Lines: []string{"torch.OutOfMemoryError: HIP out of memory."}, Next: "next rung 2 of 3"}},
			Steps: []aim.Step{
				{Name: "place", Started: at(4 * time.Second), Millis: 12, Outcome: "done"},
				{Name: "claim", Started: at(4 * time.Second), Millis: 8, Outcome: "done"},
				{Name: "pull", Started: at(3200 * time.Millisecond)},
				{Name: "fetch", Started: at(3200 * time.Millisecond)},
			},
		}},
	}
}

// ready is the same deployment a little later.
func ready() aim.Status {
	s := pulling()
	s.Phase, s.Reason = aim.Ready, ""
	r := &s.Replicas[0]
	r.Phase, r.Endpoint, r.Serves = aim.Ready, "http://127.0.0.1:21000", "Qwen/Qwen3-32B"
	r.Memory = aim.Estimate{Terms: map[string]float64{"weights": 61 << 30, "kv_tokens": 450000, "budget": 172 << 30}}.
		Against(map[string]float64{"weights": 61.04 * (1 << 30), "kv_tokens": 443216, "load_seconds": 12})
	for i := range r.Steps {
		r.Steps[i].Outcome, r.Steps[i].Millis = "done", int64(i+1)*1500
	}
	return s
}

// waits is a deployment that has no place.
func waits() aim.Status {
	return aim.Status{
		Name: "deepseek-r1", UID: "u2", Revision: 1, Model: "deepseek-ai/DeepSeek-R1", Phase: aim.Placing, Wanted: 2,
		Reason: "0 of 2 replicas ready; replica 0: no node fits: 2 nodes have fewer than 8 free GPUs",
		Replicas: []aim.ReplicaStatus{
			{Ordinal: 0, Attempt: 1, Phase: aim.Placing, Recipe: "deepseek-r1-8xmi300x", Rung: 1, Rungs: 1, Tries: []aim.Try{},
				Reason: "no node fits: 2 nodes have fewer than 8 free GPUs", Steps: []aim.Step{{Name: "place", Started: at(90 * time.Second)}}},
			{Ordinal: 1, Phase: aim.Pending, Tries: []aim.Try{}},
		},
	}
}

// broken is a deployment that has failed for good.
func broken() aim.Status {
	return aim.Status{
		Name: "llama", UID: "u3", Revision: 1, Model: "meta-llama/Llama-3.1-8B", Phase: aim.Failed, Wanted: 1,
		Reason: "start error (auth): the model is gated",
		Replicas: []aim.ReplicaStatus{{Ordinal: 0, Attempt: 1, Phase: aim.Failed, Reason: "start error (auth): the model is gated", Rung: 1, Rungs: 2,
			Recipe: "llama-8b", Node: "n1", GPUs: []string{"GPU-01"},
			Tries: []aim.Try{{Attempt: 1, Rung: 1, Recipe: "llama-8b", Node: "n1", Class: aim.ClassAuth, Why: "the model is gated", Next: "only a person can mend this"}},
			Steps: []aim.Step{{Name: "fetch", Started: at(time.Minute), Millis: 900, Outcome: "auth"}}}},
		Rejected: []aim.Rejection{{Recipe: "llama-8b-fp8", Why: "it is for MI325X; the fleet has MI300X"}},
	}
}

// crashing is a deployment whose server dies at each start; it pauses.
func crashing() aim.Status {
	crash := func(attempt int, ago time.Duration) aim.Try {
		return aim.Try{Attempt: attempt, Rung: 1, Recipe: "qwen3-8b-1xmi300x", Node: "n1", Class: aim.ClassExited, At: at(ago), ReadyMillis: 20_000,
			Why: "the server ended with code 1", Lines: []string{"RuntimeError: Engine core initialization failed."}, Next: "same rung again"}
	}
	oom := crash(1, time.Hour)
	oom.Class, oom.Why, oom.ReadyMillis, oom.Next = aim.ClassOOM, "GPU memory ran out", 0, "next rung 1 of 1"
	return aim.Status{
		Name: "qwen3-8b", UID: "u4", Revision: 1, Model: "Qwen/Qwen3-8B", Phase: aim.Degraded, Since: noon.Add(-11 * time.Minute), Wanted: 1,
		Reason: "health error (exited): the server ended with code 1 - same rung again",
		Replicas: []aim.ReplicaStatus{{Ordinal: 0, Attempt: 6, Phase: aim.Degraded, Since: noon.Add(-20 * time.Second), NextTry: noon.Add(100 * time.Second),
			Reason: "health error (exited): the server ended with code 1 - same rung again", Rung: 1, Rungs: 1, Recipe: "qwen3-8b-1xmi300x",
			Tries: []aim.Try{oom, crash(2, 11*time.Minute), crash(3, 9*time.Minute), crash(4, 7*time.Minute), crash(5, 4*time.Minute), crash(6, 20*time.Second)}}},
	}
}

// twoNodes has a GPU in every state.
func twoNodes() aim.Fleet {
	gpu := func(id, pci string, used uint64) aim.GPU {
		return aim.GPU{ID: id, PCI: pci, Type: "MI300X", Arch: "gfx942", VRAMBytes: ptr[uint64](206141652992), VRAMUsedBytes: ptr(used),
			ComputeMode: "SPX", MemoryMode: "NPS1", CPUNode: ptr(0), RenderMinor: ptr(128), Health: aim.HealthOK}
	}
	busy, sick, dark := gpu("GPU-02", "0000:26:00.0", 8<<30), gpu("GPU-03", "0000:46:00.0", 0), gpu("GPU-04", "0000:65:00.0", 0)
	busy.Busy = &aim.Busy{Who: "process 41873 (python3)", Bytes: 8 << 30}
	sick.Health, sick.HealthReason = aim.HealthUnhealthy, "2 uncorrectable memory errors"
	dark.VRAMUsedBytes, dark.Unknown = nil, map[string]string{"vram_used_bytes": "permission denied"}
	dark.Health, dark.HealthReason = aim.HealthQuarantined, "memory was not seen free"
	return aim.Fleet{Nodes: []aim.FleetNode{
		{Liveness: aim.Alive, AgeMS: 120, Node: aim.Node{
			ID: "n1", Address: "127.0.0.1", Host: "box", Version: "v0.1", Simulated: true, Runtimes: []string{"process"},
			Labels: map[string]string{"rack": "r1", "node": "n1"}, CPUs: 96, HostBytes: 1 << 40, HostFree: 1 << 39, DiskFree: 3 << 40,
			Detection: aim.Detection{GPUs: []aim.GPU{gpu("GPU-01", "0000:05:00.0", 60<<30), busy, sick, dark}, Driver: "6.12.12",
				NotOffered: []aim.NotOffered{{PCI: "0000:85:00.0", Product: "MI300X", Reason: "bound to vfio-pci"}}},
			Claims: []aim.Claim{{Identity: aim.Identity{Deployment: "qwen3-32b"}, GPUs: []string{"GPU-01"}}},
			Endpoints: []aim.Endpoint{{Identity: aim.Identity{Deployment: "qwen3-32b"}, URL: "http://127.0.0.1:21000",
				Model: "Qwen/Qwen3-32B", Healthy: true}},
		}},
		{Liveness: aim.Lost, AgeMS: 400000, Node: aim.Node{ID: "n2", Cordon: "new fan", Detection: aim.Detection{Reason: "no amdgpu driver is loaded"}}},
	}}
}

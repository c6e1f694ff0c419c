package replay

import (
	"strings"
	"testing"
)

const (
	goodNodes = "sn,cpu_milli,memory_mib,gpu,model\nm,96000,1024,8,G2\n"
	goodPods  = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1000,10,1,500\n"
)

func TestParse(t *testing.T) {
	nodes := "model,sn,gpu,cpu_milli,memory_mib\nG2,b,8,96000,1024\nT4,a,2,32000,512\n"
	pods := "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos\np1,1000,10,1,500,G2|T4,LS\np0,2000,20,0,0,,BE\n"
	trace, err := parse([]byte(nodes), []byte(pods))
	if err != nil {
		t.Fatal(err)
	}
	want := []Machine{{"a", 32000, 512, 2, "T4"}, {"b", 96000, 1024, 8, "G2"}}
	if len(trace.Machines) != 2 || trace.Machines[0] != want[0] || trace.Machines[1] != want[1] {
		t.Errorf("machines %+v, want %+v", trace.Machines, want)
	}
	if want := (Task{"p1", 1000, 10, 1, 500, "G2|T4"}); len(trace.Tasks) != 2 || trace.Tasks[1] != want {
		t.Errorf("tasks %+v, want %+v last", trace.Tasks, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ nodes, pods, want string }{
		{"", goodPods, "nodes: no rows"},
		{"sn,gpu\nm,8\n", goodPods, "no column cpu_milli"},
		{"sn,cpu_milli,memory_mib,gpu,model\nm,96000,1024,9,G2\n", goodPods, "line 2: 9 GPUs"},
		{"sn,cpu_milli,memory_mib,gpu,model\nm,96000,-1,8,G2\n", goodPods, "line 2, column memory_mib: -1 is negative"},
		{goodNodes, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,x,10,1,500\n", `pods: line 2, column cpu_milli`},
		{goodNodes, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1,10,2,500\n", "only a single GPU can be shared"},
		{goodNodes, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1,10,1,0\n", "gpu_milli 0 of 1 GPUs is not possible"},
		{goodNodes, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1,10,1\n", "wrong number of fields"},
	} {
		if _, err := parse([]byte(c.nodes), []byte(c.pods)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %q: %v, want %q", c.nodes, c.pods, err, c.want)
		}
	}
}

// FuzzParse: whatever the files hold, a trace that is taken can be replayed.
func FuzzParse(f *testing.F) {
	f.Add(goodNodes, goodPods)
	f.Add(string(sampleNodes), string(samplePods))
	f.Fuzz(func(t *testing.T, nodes, pods string) {
		trace, err := parse([]byte(nodes), []byte(pods))
		if err != nil {
			return
		}
		for _, m := range trace.Machines {
			if s := newState(m); s.sum() != m.GPUs*milli {
				t.Errorf("%+v has %d thousandths free", m, s.sum())
			}
		}
		for i := range trace.Tasks {
			task := &trace.Tasks[i]
			s := newState(Machine{GPUs: maxGPUs, CPUs: task.CPUs, MemoryMiB: task.MemoryMiB, Model: "m"})
			if task.Models == "" && !s.fits(task) {
				t.Errorf("%+v does not fit on an empty machine", task)
			}
		}
	})
}

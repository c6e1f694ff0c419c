package amdgpu

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aim-engine/aim"
)

// gpuID is what host.tree gives the n-th KFD GPU node.
func gpuID(n int) int { return 1002 + n }

func process(t *memTree, pid int, name string, vram map[int]uint64, queues ...int) {
	dir := fmt.Sprintf("%s/%d", processesDir, pid)
	t.files[dir+"/pasid"] = "32770\n"
	for id, bytes := range vram {
		t.files[fmt.Sprintf("%s/vram_%d", dir, id)] = fmt.Sprintln(bytes)
		t.files[fmt.Sprintf("%s/sdma_%d", dir, id)] = "0\n"
	}
	for i, id := range queues {
		t.files[fmt.Sprintf("%s/queues/%d/gpuid", dir, i)] = fmt.Sprintln(id)
	}
	if name != "" {
		t.files[fmt.Sprintf("proc/%d/comm", pid)] = name + "\n"
	}
}

// TestUsers asserts that a process uses a GPU when it holds memory or a queue
// there, and not because KFD merely knows it.
func TestUsers(t *testing.T) {
	h := host{gpus: []card{mi300x(0), mi300x(1), mi300x(2)}}
	tree := h.tree()
	process(tree, 200, "python3", map[int]uint64{gpuID(0): 5 << 30, gpuID(1): 0})
	process(tree, 31, "VLLM::Worker", map[int]uint64{gpuID(0): 90 << 30}, gpuID(0), gpuID(1))
	process(tree, 7, "rocm-smi", map[int]uint64{gpuID(0): 0, gpuID(1): 0, gpuID(2): 0})
	reader := New("", WithFS(tree))
	got := detect(t, tree)
	for i, want := range []struct {
		users []aim.GPUUser
		busy  *aim.Busy
	}{
		{[]aim.GPUUser{{PID: 31, Name: "VLLM::Worker", Bytes: 90 << 30}, {PID: 200, Name: "python3", Bytes: 5 << 30}},
			&aim.Busy{Who: "process 31 (VLLM::Worker) and 1 more", Bytes: 95 << 30}},
		{[]aim.GPUUser{{PID: 31, Name: "VLLM::Worker"}}, &aim.Busy{Who: "process 31 (VLLM::Worker)"}},
		{nil, nil},
	} {
		g := at(t, got, h.gpus[i].at, 0)
		users, err := reader.Users(t.Context(), g)
		if err != nil || !slices.Equal(users, want.users) {
			t.Errorf("GPU %d: users are %+v, %v, want %+v", i, users, err, want.users)
		}
		if fmt.Sprint(deref(g.Busy)) != fmt.Sprint(deref(want.busy)) {
			t.Errorf("GPU %d: busy is %+v, want %+v", i, g.Busy, want.busy)
		}
	}
}

// TestUsersNotTold asserts that a kernel that hides its processes is not taken
// for one without.
func TestUsersNotTold(t *testing.T) {
	tree := host{gpus: []card{mi300x(0)}}.tree()
	tree.remove(processesDir)
	g := detect(t, tree).GPUs[0]
	if users, err := New("", WithFS(tree)).Users(t.Context(), g); err == nil {
		t.Errorf("users are %v, want an error", users)
	}
	if g.Busy != nil || g.Unknown["busy"] == "" {
		t.Errorf("busy is %+v, unknown because %q", g.Busy, g.Unknown["busy"])
	}
}

// TestUnexplainedMemory asserts that memory without a process counts from 1 GiB
// above the idle level, and is not doubled where a process explains it.
func TestUnexplainedMemory(t *testing.T) {
	c := mi300x(0)
	const edge = 284<<20 + 1<<30
	for _, tt := range []struct {
		used uint64
		held uint64
		want *aim.Busy
	}{
		{284 << 20, 0, nil},
		{edge, 0, nil},
		{edge + 1, 0, &aim.Busy{Who: "unknown", Bytes: 1<<30 + 1}},
		{90 << 30, 80 << 30, &aim.Busy{Who: "process 9", Bytes: 80 << 30}},
	} {
		tree := host{gpus: []card{c}}.tree()
		tree.files[c.file("mem_info_vram_used")] = fmt.Sprintln(tt.used)
		process(tree, 9, "", map[int]uint64{gpuID(0): tt.held})
		g := at(t, detect(t, tree), c.at, 0)
		if fmt.Sprint(deref(g.Busy)) != fmt.Sprint(deref(tt.want)) || *g.VRAMUsedBytes != tt.used {
			t.Errorf("%d in use, %d held: busy is %+v, want %+v", tt.used, tt.held, g.Busy, tt.want)
		}
	}
}

// TestUnexplainedMemoryOfPartitions asserts that a figure of the whole GPU
// accuses its partitions only while none of them has a user, and that figures of
// partitions are each their own.
func TestUnexplainedMemoryOfPartitions(t *testing.T) {
	c := mi300x(0).split("DPX", 2, "NPS1")
	used := func(tree *memTree, node int, bytes uint64) {
		tree.files[nodePath(node)+"/mem_banks/0/used_memory"] = fmt.Sprintln(bytes)
	}
	for _, tt := range []struct {
		name  string
		build func(*memTree)
		want  [2]string
	}{
		{"nobody explains it", func(tree *memTree) { tree.files[c.file("mem_info_vram_used")] = fmt.Sprintln(9 << 30) },
			[2]string{"unknown", "unknown"}},
		{"a partition explains it", func(tree *memTree) {
			tree.files[c.file("mem_info_vram_used")] = fmt.Sprintln(9 << 30)
			process(tree, 9, "", map[int]uint64{gpuID(1): 8 << 30})
		}, [2]string{"", "process 9"}},
		{"KFD repeats the figure of the GPU", func(tree *memTree) {
			used(tree, 2, 9<<30)
			used(tree, 3, 9<<30)
			process(tree, 9, "", map[int]uint64{gpuID(1): 8 << 30})
		}, [2]string{"", "process 9"}},
		{"KFD tells them apart", func(tree *memTree) {
			used(tree, 2, 9<<30)
			used(tree, 3, 100<<20)
		}, [2]string{"unknown", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := host{gpus: []card{c}}.tree()
			tt.build(tree)
			got := detect(t, tree)
			for part, want := range tt.want {
				who := ""
				if b := at(t, got, c.at, part).Busy; b != nil {
					who = b.Who
				}
				if who != want {
					t.Errorf("partition %d is used by %q, want %q", part, who, want)
				}
			}
		})
	}
}

// TestClients asserts that memory held without KFD is traced to its process.
func TestClients(t *testing.T) {
	c, idle := mi300x(0), mi300x(1)
	tree := host{gpus: []card{c, idle}}.tree()
	tree.files[c.file("mem_info_vram_used")] = fmt.Sprintln(9 << 30)
	info := "pos:\t0\ndrm-driver:\tamdgpu\ndrm-client-id:\t12\ndrm-pdev:\t" + c.at + "\ndrm-memory-vram:\t8388608 KiB\n"
	tree.files["proc/77/comm"] = "blender\n"
	tree.files["proc/77/fdinfo/3"] = info
	tree.files["proc/77/fdinfo/4"] = info // the same client under another number
	tree.files["proc/77/fdinfo/0"] = "pos:\t0\nflags:\t02\n"
	tree.files["proc/88/fdinfo/3"] = "drm-client-id:\t13\ndrm-pdev:\t" + c.at + "\ndrm-memory-vram:\t40 KiB\n"
	g := at(t, detect(t, tree), c.at, 0)
	if g.Busy == nil || g.Busy.Who != "process 77 (blender)" {
		t.Errorf("busy is %+v", g.Busy)
	}
	users, err := New("", WithFS(tree)).Users(t.Context(), g)
	if err != nil || !slices.Equal(users, []aim.GPUUser{{PID: 77, Name: "blender", Bytes: 8 << 30}}) {
		t.Errorf("users are %+v, %v", users, err)
	}
	if g := at(t, detect(t, tree), idle.at, 0); g.Busy != nil {
		t.Errorf("the idle GPU is used by %+v", g.Busy)
	}
}

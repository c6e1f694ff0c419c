package replay

import (
	"bytes"
	"cmp"
	_ "embed" // the sample
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
)

// milli is one GPU in the unit of Task.Milli.
const milli = 1000

// Machine is a node of a trace.
type Machine struct {
	Name      string
	CPUs      int // thousandths of a core
	MemoryMiB int
	GPUs      int
	Model     string
}

// Task is a request of a trace.
type Task struct {
	Name      string
	CPUs      int // thousandths of a core
	MemoryMiB int
	GPUs      int
	Milli     int    // thousandths of each GPU; below 1,000 only where GPUs is 1
	Models    string // GPU models that will do, "A|B"; "" = any
}

// demand is the GPU that the task takes, in thousandths.
func (t *Task) demand() int { return t.GPUs * t.Milli }

// shared tells whether the task takes a part of one GPU.
func (t *Task) shared() bool { return t.GPUs == 1 && t.Milli < milli }

// shape is what decides where the task fits.
func (t Task) shape() Task {
	t.Name = ""
	return t
}

// Trace is a fleet and the tasks it was asked to run, both by name.
type Trace struct {
	Machines []Machine
	Tasks    []Task
}

// capacity is the GPU of the fleet in thousandths.
func (t *Trace) capacity() int {
	sum := 0
	for _, m := range t.Machines {
		sum += m.GPUs * milli
	}
	return sum
}

// Read reads a trace in the form of Alibaba's cluster-trace-gpu-v2023: nodes
// with sn, cpu_milli, memory_mib, gpu, model and pods with name, cpu_milli,
// memory_mib, num_gpu, gpu_milli and, optionally, gpu_spec.
func Read(nodes, pods string) (Trace, error) {
	n, err := os.ReadFile(nodes)
	if err != nil {
		return Trace{}, fmt.Errorf("read the nodes of a trace: %w", err)
	}
	p, err := os.ReadFile(pods)
	if err != nil {
		return Trace{}, fmt.Errorf("read the pods of a trace: %w", err)
	}
	t, err := parse(n, p)
	if err != nil {
		return Trace{}, fmt.Errorf("read a trace from %s and %s: %w", nodes, pods, err)
	}
	return t, nil
}

//go:embed testdata/nodes.csv
var sampleNodes []byte

//go:embed testdata/pods.csv
var samplePods []byte

// Sample is a small synthetic trace of the same form: five kinds of nodes, and
// tasks drawn at random from shapes that were made up.
func Sample() (Trace, error) { return parse(sampleNodes, samplePods) }

func parse(nodes, pods []byte) (t Trace, err error) {
	if t.Machines, err = readMachines(bytes.NewReader(nodes)); err != nil {
		return Trace{}, fmt.Errorf("nodes: %w", err)
	}
	if t.Tasks, err = readTasks(bytes.NewReader(pods)); err != nil {
		return Trace{}, fmt.Errorf("pods: %w", err)
	}
	return t, nil
}

func readMachines(r io.Reader) ([]Machine, error) {
	rows, err := readTable(r, "sn", "cpu_milli", "memory_mib", "gpu", "model")
	if err != nil {
		return nil, err
	}
	machines := make([]Machine, len(rows))
	for i, row := range rows {
		m := Machine{Name: row.text("sn"), Model: row.text("model")}
		m.CPUs, m.MemoryMiB, m.GPUs = row.number("cpu_milli"), row.number("memory_mib"), row.number("gpu")
		if row.err != nil {
			return nil, row.err
		}
		if m.GPUs > maxGPUs {
			return nil, fmt.Errorf("line %d: %d GPUs, at most %d are possible", row.line, m.GPUs, maxGPUs)
		}
		machines[i] = m
	}
	slices.SortStableFunc(machines, func(a, b Machine) int { return cmp.Compare(a.Name, b.Name) })
	return machines, nil
}

func readTasks(r io.Reader) ([]Task, error) {
	rows, err := readTable(r, "name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
	if err != nil {
		return nil, err
	}
	tasks := make([]Task, len(rows))
	for i, row := range rows {
		t := Task{Name: row.text("name"), Models: row.text("gpu_spec")}
		t.CPUs, t.MemoryMiB = row.number("cpu_milli"), row.number("memory_mib")
		t.GPUs, t.Milli = row.number("num_gpu"), row.number("gpu_milli")
		if row.err != nil {
			return nil, row.err
		}
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", row.line, err)
		}
		tasks[i] = t
	}
	slices.SortStableFunc(tasks, func(a, b Task) int { return cmp.Compare(a.Name, b.Name) })
	return tasks, nil
}

func (t *Task) check() error {
	switch {
	case t.GPUs > maxGPUs:
		return fmt.Errorf("%d GPUs, at most %d are possible", t.GPUs, maxGPUs)
	case t.GPUs > 0 && t.Milli == 0, t.Milli > milli, t.GPUs == 0 && t.Milli > 0:
		return fmt.Errorf("gpu_milli %d of %d GPUs is not possible", t.Milli, t.GPUs)
	case t.GPUs > 1 && t.Milli < milli:
		return fmt.Errorf("%d GPUs of %d thousandths: only a single GPU can be shared", t.GPUs, t.Milli)
	}
	return nil
}

// row is one line of a table, read by column name. The first bad number is kept
// in err.
type row struct {
	line    int
	columns map[string]int
	fields  []string
	err     error
}

func (r *row) text(column string) string {
	i, there := r.columns[column]
	if !there {
		return ""
	}
	return r.fields[i]
}

func (r *row) number(column string) int {
	n, err := strconv.Atoi(r.text(column))
	if err == nil && n < 0 {
		err = fmt.Errorf("%d is negative", n)
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("line %d, column %s: %w", r.line, column, err)
	}
	return n
}

func readTable(r io.Reader, needed ...string) ([]*row, error) {
	lines, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(lines) < 2 {
		return nil, fmt.Errorf("no rows below the header")
	}
	columns := map[string]int{}
	for i, name := range lines[0] {
		columns[name] = i
	}
	for _, name := range needed {
		if _, there := columns[name]; !there {
			return nil, fmt.Errorf("no column %s", name)
		}
	}
	rows := make([]*row, len(lines)-1)
	for i, fields := range lines[1:] {
		rows[i] = &row{line: i + 2, columns: columns, fields: fields}
	}
	return rows, nil
}

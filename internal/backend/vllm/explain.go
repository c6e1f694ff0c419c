package vllm

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/cause"
)

var (
	kvNeeded    = aim.Pattern(`max seq len \((\d+)\),? \(?([\d.]+) GiB KV\s+cache is needed`)
	kvAvailable = aim.Pattern(`available KV cache\s+memory \(([\d.]+) GiB\)`)
	kvLongest   = aim.Pattern(`(?i)estimated maximum model length is (\d+)`)
	kvOldForm   = aim.Pattern(`max seq len \((\d+)\) is larger than the maximum number of tokens that can be stored in KV cache \((\d+)\)`)
	freeMemory  = aim.Pattern(`Free memory on device[^(]*\(([\d.]+)/([\d.]+) GiB\)[^(]*less than desired GPU memory utilization \(([\d.]+), ([\d.]+) GiB\)`)
	derivedLen  = aim.Pattern(`User-specified max_model_len \((\d+)\) is greater than the derived max_model_len \([^=)]*=(\d+)`)
	triedAlloc  = aim.Pattern(`Tried to allocate ([\d.]+) ([MG])iB`)
	isFree      = aim.Pattern(`of which ([\d.]+) ([MG])iB is free`)
)

// explain takes the numbers out of the message and says in plain words what
// happened. The message is searched in the whole log: a traceback quotes the
// line of code first and the filled-in text later.
func explain(f *aim.Failure, log string, before []cause.Line) {
	switch f.Class {
	case aim.ClassKVShort:
		explainKV(f, log)
	case aim.ClassGPUBusy:
		if m := freeMemory().FindStringSubmatch(log); m != nil {
			f.AvailableBytes, f.NeededBytes = gib(m[1]), gib(m[4])
			f.Why = fmt.Sprintf("%s of %s GiB are free on the GPU, and the server was to use %s GiB (%s of it)", m[1], m[2], m[4], m[3])
		}
	case aim.ClassLength:
		if m := derivedLen().FindStringSubmatch(log); m != nil {
			f.LongestLength, _ = strconv.Atoi(m[2])
			f.Why = fmt.Sprintf("a context of %s tokens was asked for, and the model's longest is %s", m[1], m[2])
		}
	case aim.ClassOOM:
		explainOOM(f, log, before)
	}
}

func explainKV(f *aim.Failure, log string) {
	if m := kvOldForm().FindStringSubmatch(log); m != nil {
		f.LongestLength, _ = strconv.Atoi(m[2])
		f.Why = fmt.Sprintf("the KV cache holds %s tokens, and one request may have %s", m[2], m[1])
		return
	}
	needed, available := kvNeeded().FindStringSubmatch(log), kvAvailable().FindStringSubmatch(log)
	if needed == nil || available == nil {
		return
	}
	f.NeededBytes, f.AvailableBytes = gib(needed[2]), gib(available[1])
	f.Why = fmt.Sprintf("one request of %s tokens needs %s GiB of KV cache, and there are %s GiB", needed[1], needed[2], available[1])
	if m := kvLongest().FindStringSubmatch(log); m != nil {
		f.LongestLength, _ = strconv.Atoi(m[1])
		f.Why += fmt.Sprintf("; %s tokens would fit", m[1])
	}
}

// explainOOM tells when memory ran out, which decides what helps: while
// loading, more GPUs; while profiling, smaller steps; while capturing graphs,
// none of them.
func explainOOM(f *aim.Failure, log string, before []cause.Line) {
	f.Why = "GPU memory ran out while " + string(phaseAfter(before))
	if m := triedAlloc().FindStringSubmatch(log); m != nil {
		f.NeededBytes = amount(m[1], m[2])
		f.Why += fmt.Sprintf(", asking for %s %siB", m[1], m[2])
	}
	if m := isFree().FindStringSubmatch(log); m != nil {
		f.AvailableBytes = amount(m[1], m[2])
		f.Why += fmt.Sprintf(" with %s %siB free", m[1], m[2])
	}
}

// phase is what a server is doing, for people.
type phase string

const (
	loading   phase = "loading the weights"
	profiling phase = "profiling a full step"
	capturing phase = "capturing graphs"
	serving   phase = "serving"
)

// phaseAfter is the phase that a log has reached.
func phaseAfter(parsed []cause.Line) phase {
	reached := loading
	for _, l := range parsed {
		switch {
		case strings.Contains(l.Text, "Application startup complete"):
			reached = serving
		case strings.Contains(l.Text, "Capturing CUDA graph"), strings.Contains(l.Text, "GPU KV cache size"):
			reached = capturing
		case strings.Contains(l.Text, "Model loading took") && reached == loading:
			reached = profiling
		}
	}
	return reached
}

func gib(number string) uint64 { return amount(number, "G") }

func amount(number, unit string) uint64 {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 || f > 1<<20 {
		return 0 // more than any machine has: not a size
	}
	if unit == "M" {
		return uint64(f * (1 << 20))
	}
	return uint64(f * (1 << 30))
}

package amdgpu

import (
	"testing"
)

// BenchmarkDetect measures one reading from disk. The goal is 10 ms and 2 MiB,
// so that a node can look at its GPUs as often as it likes.
func BenchmarkDetect(b *testing.B) {
	for _, tree := range []string{"mi300x-8x-spx", "kfd-mi308x-8x-4part"} {
		b.Run(tree, func(b *testing.B) {
			reader := New(unpack(b, openArchive(b, tree)))
			b.ReportAllocs()
			for b.Loop() {
				if got, err := reader.Detect(b.Context()); err != nil || len(got.GPUs) == 0 {
					b.Fatal(err, got.Reason)
				}
			}
		})
	}
}

// BenchmarkGeneration measures the poll between readings.
func BenchmarkGeneration(b *testing.B) {
	reader := New(unpack(b, openArchive(b, "mi300x-8x-spx")))
	b.ReportAllocs()
	for b.Loop() {
		if reader.Generation() == "" {
			b.Fatal("no generation")
		}
	}
}

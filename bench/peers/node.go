package main

import "fmt"

// What a node has, whoever describes it.
const (
	perNode   = 8 // GPUs
	nodeCPUs  = 192
	nodeBytes = 2 << 40
	nodeDisk  = 10 << 40
)

// image is what all replicas run, and every node has it.
const image = "vllm/vllm-openai-rocm:v0.11"

func nodeName(i int) string { return fmt.Sprintf("n%05d", i) }

// zone is one of three.
func zone(i int) string { return string(rune('a' + i%3)) }

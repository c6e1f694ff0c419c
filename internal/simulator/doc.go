// Package simulator makes nodes without GPUs for tests, demonstrations and
// benchmarks. It has two halves that meet in the file system only, as the real
// ones meet in the kernel:
//
//   - Tree is the machine: a writable sysfs and /dev with up to eight MI300X, made
//     from an embedded one. Whatever reads real nodes reads it unchanged.
//   - Serve is the server: vLLM, SGLang or TGI without a model. It holds VRAM of its
//     tree, so that the tree shows the GPUs in use, and frees it when it ends.
//
// VRAM is held by a lock on a file (Hold). When a server dies, even by SIGKILL and
// even in a container, the lock is gone; Reap, which plays the kernel driver,
// notices and shows the memory as free.
//
//	tree, err := simulator.CreateTree("/var/lib/aim/sim/n1", "n1", 8)
//	go tree.Reap(ctx)
//	// elsewhere, with AIM_SIM_ROOT and ROCR_VISIBLE_DEVICES in its environment:
//	os.Exit(simulator.Serve(ctx, "vllm", []string{"Qwen/Qwen3-32B", "--port", "8000"}, os.Getenv, os.Stdout, os.Stderr))
//
// AIM_SIMULATE makes a server fail in its backend's words, or be slow: package script.
// Trees are thousands of small files: put many of them on a tmpfs.
package simulator

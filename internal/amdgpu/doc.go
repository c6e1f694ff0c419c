// Package amdgpu reads the AMD GPUs of a machine from sysfs alone: no ROCm
// tools, no cgo, no ioctl. It never opens a GPU and never changes anything.
//
// The KFD topology (sys/class/kfd/kfd/topology) is the list of what can be
// given out: one GPU node there is a whole GPU, or one partition of a split
// one. PCI tells what else is physically there and which driver holds it; DRM
// adds names, memory in use and health. Render nodes and cards are never
// counted: a machine with 8 MI300X has 64 render nodes.
//
//	reader := amdgpu.New("/")
//	found, err := reader.Detect(ctx)
//	if err != nil {
//		return err // the tree could not be read at all; no GPU is no error
//	}
//	for _, gpu := range found.GPUs {
//		fmt.Println(gpu.ID, gpu.PCI, gpu.Type, gpu.Render())
//	}
//	if len(found.GPUs) == 0 {
//		fmt.Println(found.Reason)
//	}
//
// A value that the tree does not tell is nil or "", and GPU.Unknown says why;
// it is never 0 and never a guess. Everything but KFD is optional: guests and
// containers lack many files.
//
// Detect works in two steps. survey reads all files and decides nothing; judge
// turns what was read into the answer and reads nothing. Between the two lies
// the time box: every device is read by a goroutine of its own, and one that
// does not answer is reported as such while the others are reported in full.
package amdgpu

package amdgpu

import (
	"context"
	"strconv"

	"github.com/aim-engine/aim"
)

// Live reads what GPUs do now, by id: the driver's averages over about a second,
// as far as it tells them. A GPU that does not answer in time is missing.
// Partitions share the sensors of their GPU.
func (r *Reader) Live(ctx context.Context, gpus []aim.GPU) map[string]aim.LiveGPU {
	tree, err := r.tree()
	if err != nil {
		return nil
	}
	ctx, cancel := r.box.deadline(ctx)
	defer cancel()
	reads := map[string]pending[aim.LiveGPU]{} // by PCI address
	for _, g := range gpus {
		if _, begun := reads[g.PCI]; !begun && g.PCI != "" {
			dir := busDir + "/" + g.PCI
			reads[g.PCI] = launch(&r.box, tree, "live "+g.PCI, func(v *view) aim.LiveGPU { return readLive(v, dir) })
		}
	}
	seen := map[string]aim.LiveGPU{}
	for pci, read := range reads {
		live, err := read.wait(ctx)
		if err != nil {
			continue
		}
		for _, g := range gpus {
			if g.PCI == pci {
				seen[g.ID] = live
			}
		}
	}
	return seen
}

// readLive reads the sensors of a PCI function.
func readLive(v *view, dir string) aim.LiveGPU {
	junction, _ := readJunction(v, dir+"/hwmon")
	live := aim.LiveGPU{
		Busy:      scaled(v.number(dir+"/gpu_busy_percent"), 0.01),
		VRAMBytes: scaled(v.number(dir+"/mem_info_vram_used"), 1),
		JunctionC: scaled(junction, 0.001), // thousandths
	}
	chips, err := v.list(dir + "/hwmon")
	if err != nil {
		return live
	}
	for _, chip := range numbered(chips, "hwmon") {
		sensors := dir + "/hwmon/hwmon" + strconv.Itoa(chip)
		live.PowerW = scaled(v.number(sensors+"/power1_average"), 1e-6) // microwatts
		if live.PowerW == nil {
			live.PowerW = scaled(v.number(sensors+"/power1_input"), 1e-6)
		}
		live.ClockMHz = scaled(v.number(sensors+"/freq1_input"), 1e-6)
	}
	return live
}

func scaled(f fact[uint64], by float64) *float64 {
	if !f.known() {
		return nil
	}
	value := float64(f.value) * by
	return &value
}

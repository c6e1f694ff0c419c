package amdgpu

import (
	"fmt"
	"strings"

	"github.com/aim-engine/aim"
)

// A slot is healthy at full width; the rate depends on the part (table.go).
const fullWidth = 16

// hotMargin is how near to the critical temperature of the junction a GPU counts
// as too hot, in thousandths of a degree. Firmware throttles just below it and
// cuts power at it; a cooled MI300X under load stays 15 °C or more away.
const hotMargin = 5000

// Baseline is accepted uncorrectable errors: GPU.Board, then the RAS block, then
// the count. Only growth beyond it makes a GPU unhealthy. Counters start again
// from 0 when the driver is loaded; a count below the baseline is therefore new
// and not accepted.
type Baseline map[string]map[string]uint64

// uncorrectable are the counters that are not 0, by block.
func (h vitals) uncorrectable() map[string]uint64 {
	var counts map[string]uint64
	for _, e := range h.errors {
		if e.count.value == 0 {
			continue
		}
		if counts == nil {
			counts = map[string]uint64{}
		}
		counts[e.block] = e.count.value
	}
	return counts
}

// faults lists what is wrong with a GPU, worst first; each names the file and
// its value.
func (d device) faults(m model, accepted map[string]uint64) []string {
	var all []string
	if d.hangs {
		all = append(all, d.why)
	}
	if d.resetting {
		all = append(all, "current_compute_partition: operation not permitted: the driver is resetting the GPU")
	}
	all = append(all, d.health.errorFaults(accepted)...)
	if d.health.pending > 0 || d.health.failed > 0 {
		all = append(all, fmt.Sprintf("ras/gpu_vram_bad_pages has %d pages pending and %d failed", d.health.pending, d.health.failed))
	}
	all = append(all, d.health.linkFaults(m)...)
	now, critical := d.health.junction, d.health.critical
	if now.known() && critical.value > hotMargin && now.value >= critical.value-hotMargin {
		all = append(all, fmt.Sprintf("the junction is at %d °C, critical is %d °C", now.value/1000, critical.value/1000))
	}
	return all
}

func (h vitals) errorFaults(accepted map[string]uint64) []string {
	var all []string
	for _, e := range h.errors {
		base := accepted[e.block]
		if e.count.value == 0 || e.count.value == base {
			continue
		}
		fault := fmt.Sprintf("ras/%s_err_count has ue %d", e.block, e.count.value)
		if base > 0 {
			fault += fmt.Sprintf(", accepted were %d", base)
		}
		all = append(all, fault)
	}
	return all
}

// linkFaults compares the slot with what the part can do. Width 0 and 255 stand
// for a link that does not report.
func (h vitals) linkFaults(m model) []string {
	var all []string
	if m.gts == 0 {
		return nil
	}
	if w := h.width; w.known() && w.value > 0 && w.value < fullWidth {
		all = append(all, fmt.Sprintf("current_link_width is x%d, not x%d", w.value, fullWidth))
	}
	if r := h.rate; r.known() && r.value > 0 && r.value < m.gts {
		all = append(all, fmt.Sprintf("current_link_speed is %.1f GT/s, not %.1f", r.value, m.gts))
	}
	return all
}

// setHealth judges a GPU. Where counters cannot be read it is ok, and Unknown
// says what was not seen.
func setHealth(g *aim.GPU, d device, m model, accepted map[string]uint64) {
	g.Health, g.Errors = aim.HealthOK, d.health.uncorrectable()
	if faults := d.faults(m, accepted); len(faults) > 0 {
		g.Health = aim.HealthUnhealthy
		g.HealthReason = strings.Join(faults, "; ")
		return
	}
	if d.health.why != "" {
		note(g, "health", d.health.why)
	}
}

// spreadResets makes the GPUs of a hive share the fate of one that is being
// reset: the driver resets all of them, and every process on them dies.
func spreadResets(gpus []aim.GPU, resetting map[string]bool) {
	for i := range gpus {
		g := &gpus[i]
		if g.Health != aim.HealthOK || g.Hive == "" {
			continue
		}
		for _, other := range gpus {
			if other.Hive == g.Hive && resetting[other.Board()] {
				g.Health = aim.HealthUnhealthy
				g.HealthReason = other.Board() + " is being reset, and with it all GPUs of its hive"
				break
			}
		}
	}
}

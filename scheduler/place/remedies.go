package place

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
)

// remedy is what makes one rule, that is not about room, let a node pass; ok is false
// where nothing short of another machine does. A node that was named cannot be had by
// labelling another.
func (v *Run) remedy(f failure, m *fleet.Node) (cost int, step aim.CureStep, ok bool) {
	id, report := m.ID(), m.Report()
	step.Node = id
	switch f.rule {
	case ruleLabels:
		step.Do, step.Labels = aim.CureLabel, map[string]string{}
		step.Command = "aim node label " + id
		for _, l := range v.class.labels {
			if got, has := report.Labels[l.Key]; has && got == l.Value {
				continue
			}
			if l.Key == aim.NodeLabel {
				return 0, step, false
			}
			step.Labels[l.Key] = l.Value
			step.Command += " " + l.Key + "=" + l.Value
		}
		return costSetting + len(step.Labels), step, true
	case ruleCordon:
		step.Do, step.Command, step.Text = aim.CureUncordon, "aim node uncordon "+id, "cordoned: "+report.Cordon
		return costSetting, step, true
	case ruleRuntime:
		step.Do, step.Text = aim.CureRuntime, fmt.Sprintf("make %s work on %s", cmp.Or(v.class.runtime, "docker"), id)
	case ruleAvoid:
		step.Do, step.Text = aim.CureRetry, fmt.Sprintf("mend %s (avoided: %s)", id, v.request.Avoid[id])
	case ruleLiveness:
		step.Do, step.Text = aim.CureRevive, fmt.Sprintf("bring %s back (%s)", id, report.Liveness)
	case ruleHost: // what strangers use, and no claim explains
		if f.lasting {
			return 0, step, false
		}
		step.Do, step.Bytes = aim.CureMemory, v.class.host-min(v.class.host, report.HostFree)
		step.Text = fmt.Sprintf("free %s of host memory on %s", bytesText(step.Bytes), id)
	case ruleDisk:
		step.Do, step.Bytes = aim.CureDisk, v.class.disk-min(v.class.disk, m.DiskFree())
		step.Text = fmt.Sprintf("free %s of disk on %s", bytesText(step.Bytes), id)
	default:
		return 0, step, false
	}
	return costRepair, step, true
}

// mend is what brings GPUs back that nobody claims and that cannot be given out: one
// step for all that lack the same.
func mend(m *fleet.Node, gpus []int) []aim.CureStep {
	var steps []aim.CureStep
	whys := map[string]int{} // the step of a reason
	for _, d := range gpus {
		g := m.GPU(d)
		do, why := howMended(g)
		i, ok := whys[string(do)+why]
		if !ok {
			i = len(steps)
			whys[string(do)+why] = i
			steps = append(steps, aim.CureStep{Do: do, Node: m.ID(), Text: why})
		}
		steps[i].GPUs = append(steps[i].GPUs, g.ID)
	}
	for i := range steps {
		tellMend(&steps[i])
	}
	return steps
}

// howMended: quarantine and counted errors are taken back, a stranger is ended, and
// everything else takes a person.
func howMended(g *aim.GPU) (do aim.CureKind, why string) {
	_, why = g.Usable()
	switch {
	case g.Busy != nil && g.Health == aim.HealthOK && g.RenderMinor != nil && g.VRAMBytes != nil:
		return aim.CureEnd, g.Busy.Who
	case g.Busy == nil && (g.Health == aim.HealthQuarantined || g.Health == aim.HealthUnhealthy && len(g.Errors) > 0):
		return aim.CureClear, why
	case g.Busy != nil:
		return aim.CureMend, why + ", in use by " + g.Busy.Who
	}
	return aim.CureMend, why
}

// tellMend puts a step into words that has only its reason so far.
func tellMend(s *aim.CureStep) {
	gpus := strings.Join(s.GPUs, " and ")
	switch {
	case s.Do == aim.CureClear:
		s.Command = "aim node clear " + s.Node + " " + strings.Join(s.GPUs, " ")
	case s.Do == aim.CureMend:
		s.Text = fmt.Sprintf("mend %s of %s (%s)", gpus, s.Node, s.Text)
	case strings.HasPrefix(s.Text, "unknown"):
		s.Text = fmt.Sprintf("end what uses %s of %s and cannot be seen from the agent", gpus, s.Node)
	default:
		s.Text = fmt.Sprintf("end %s on %s (it uses %s)", s.Text, s.Node, gpus)
	}
}

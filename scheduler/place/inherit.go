package place

// Inherit takes over what another Placer has learnt, prices included. The fleets
// must have the same nodes.
func (p *Placer) Inherit(from *Placer) {
	c := *from.costs
	c.model, c.hardware = from.costs.model.Copy(), nil
	c.meet(p.fleet.Hardware()) // numbered in another order here
	c.stale, c.moved = from.costs.stale, p.fleet.Moved()-(from.fleet.Moved()-from.costs.moved)
	p.costs = &c
}

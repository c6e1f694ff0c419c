package replay

// IdealPool is no policy but the bound of all: GPUs in one pool, in which only
// their number counts and first come is first served.
func IdealPool() Policy {
	return Policy{Name: "ideal-pool", New: func(machines []Machine, _ []Task, _ int64) Fleet {
		p := &pool{placed: map[int]int{}}
		for _, m := range machines {
			p.free += m.GPUs * milli
		}
		return p
	}}
}

type pool struct {
	free   int // thousandths of a GPU
	placed map[int]int
}

func (p *pool) Place(id int, t Task) bool {
	if p.free < t.demand() {
		return false
	}
	p.free -= t.demand()
	p.placed[id] = t.demand()
	return true
}

func (p *pool) Remove(id int) {
	p.free += p.placed[id]
	delete(p.placed, id)
}

package scheduler

// offer is what nodes of a class have for a shape.
type offer struct {
	ofType   int   // GPUs of an allowed type
	ofKind   int   // of those, GPUs of the wanted kind
	suitable int   // of those, GPUs with the memory
	pool     *pool // the pool to take them from; nil when none is large enough
	mask     mask  // GPUs of that pool with the memory, free or not
	free     int   // of those, GPUs that are free, or with room for the share

	hostRung int32 // rungs of the book that a node has to reach
	diskRung int32
}

// offerOf picks the pool with the fewest free GPUs that are enough, or else the
// one that comes nearest.
func (b *book) offerOf(s *shape, c *class) offer {
	o := offer{hostRung: rungOf(b.hosts, s.host), diskRung: rungOf(b.disks, s.disk)}
	if !s.needsGPU() {
		return o
	}
	for i := range c.pools {
		p := &c.pools[i]
		if !s.allows(p.kind) {
			continue
		}
		o.ofType += p.size
		if s.kind != nil && p.kind != *s.kind {
			continue
		}
		o.ofKind += p.size
		suits := p.suits(s.vram)
		if s.share > 0 {
			suits = suits.and(p.roomy(s.share))
		}
		n := suits.count()
		o.suitable += n
		free := c.free.and(suits).count()
		if s.share > 0 {
			free += c.holesFor(suits, s.share)
		}
		if n >= s.perRank() && (o.pool == nil || better(free, o.free, s.perRank())) {
			o.pool, o.mask, o.free = p, suits, free
		}
	}
	return o
}

// holesFor counts the shared GPUs with room for so many bytes.
func (c *class) holesFor(suits mask, share uint64) int {
	n := 0
	for _, h := range c.holes {
		if suits.has(h.gpu) && h.free >= share {
			n++
		}
	}
	return n
}

// better tells whether a pool with so many free GPUs is preferred for n.
func better(free, than, n int) bool {
	if free >= n && than >= n {
		return free < than
	}
	return free > than
}

package place

import "github.com/aim-engine/aim/scheduler/fleet"

// failure is a rule that turned a node away.
type failure struct {
	rule    int    // in rules
	way     int    // in which of its ways it is broken, see rule.check
	text    string // of rules about single nodes; others have theirs in the table
	lasting bool
}

// judge says what a class of nodes is to a class of requests, once. One whose nodes only lack
// disk is rated as well: those that hold the weights already fit.
func (p *Placer) judge(s *RequestClass, id int) *verdict {
	for len(s.verdicts) <= id {
		s.verdicts = append(s.verdicts, verdict{reason: unjudged})
	}
	v := &s.verdicts[id]
	if v.reason != unjudged {
		if r := v.rating; r != nil && r.priceEpoch != p.costs.epoch {
			p.reprice(s, v, id)
		}
		return v
	}
	c := p.fleet.Class(id)
	o := p.offerOf(s, c)
	failures := broken(s, c, &o)
	v.settle(s, c, failures)
	v.free = int16(o.free)
	if len(failures) == 0 || v.only == ruleDisk {
		v.rating = p.rate(s, c, &o)
	}
	return v
}

// reprice brings a rating up to date when there are new prices. For whole
// GPUs only the score changes, for a share the GPU as well.
func (p *Placer) reprice(s *RequestClass, v *verdict, id int) {
	if s.share > 0 {
		o := p.offerOf(s, p.fleet.Class(id))
		v.rating = p.rate(s, p.fleet.Class(id), &o)
		return
	}
	v.rating.price(p, s, p.fleet.Class(id))
}

// broken lists the rules that a class breaks, in order.
func broken(s *RequestClass, c *fleet.Class, o *offer) (all []failure) {
	for i := range rules {
		if way, lasting := rules[i].check(s, c, o); way != 0 {
			all = append(all, failure{rule: i, way: way, lasting: lasting})
		}
	}
	return all
}

// settle fills in what failures make of a class, or of one node.
func (v *verdict) settle(s *RequestClass, c *fleet.Class, failures []failure) {
	v.reason, v.only, v.room = fits, several, true
	for _, f := range failures {
		v.room = v.room && isRoom(f.rule) && !f.lasting
	}
	if len(failures) == 0 {
		return
	}
	if len(failures) == 1 {
		v.only = int8(failures[0].rule)
	}
	v.reason = s.reasonOf(c, worst(failures))
}

// worst is the failure that a node is counted under.
func worst(failures []failure) failure {
	for _, f := range failures {
		if f.lasting {
			return f
		}
	}
	return failures[0]
}

// reasonOf numbers the reason that a failure is; words are found only once.
func (s *RequestClass) reasonOf(c *fleet.Class, f failure) int16 {
	for i, r := range s.reasons {
		if r.rule == f.rule && r.way == f.way {
			return int16(i)
		}
	}
	s.reasons = append(s.reasons, reason{rule: f.rule, way: f.way, text: rules[f.rule].text(s, c, f.way), lasting: f.lasting})
	return int16(len(s.reasons) - 1)
}

package scheduler

// failure is a rule that turned a node away.
type failure struct {
	rule    int // in rules
	way     int
	text    string // of rules about single nodes; others have theirs in the table
	lasting bool
}

// judge says what a class is to a shape, once. A class whose members only lack
// disk is rated as well: those that hold the weights already fit.
func (x *index) judge(s *shape, id int) *verdict {
	for len(s.verdicts) <= id {
		s.verdicts = append(s.verdicts, verdict{reason: unjudged})
	}
	v := &s.verdicts[id]
	if v.reason != unjudged {
		if r := v.rating; r != nil && r.prices != x.outlook.round {
			x.reprice(s, v, id)
		}
		return v
	}
	c := x.classes[id]
	o := x.book.offerOf(s, c)
	x.failures = broken(s, c, &o, x.failures[:0])
	v.settle(s, c, x.failures)
	v.free = int16(o.free)
	if len(x.failures) == 0 || v.only == ruleDisk {
		v.rating = x.rate(s, c, &o)
	}
	return v
}

// reprice brings a rating up to date when the outlook has new prices. For whole
// GPUs only the score changes, for a share the GPU as well.
func (x *index) reprice(s *shape, v *verdict, id int) {
	if s.share > 0 {
		o := x.book.offerOf(s, x.classes[id])
		v.rating = x.rate(s, x.classes[id], &o)
		return
	}
	v.rating.price(x, s, x.classes[id])
}

// broken lists the rules that a class breaks, in order.
func broken(s *shape, c *class, o *offer, into []failure) []failure {
	for i := range rules {
		if way, lasting := rules[i].check(s, c, o); way != 0 {
			into = append(into, failure{rule: i, way: way, lasting: lasting})
		}
	}
	return into
}

// settle fills in what failures make of a class, or of one node.
func (v *verdict) settle(s *shape, c *class, failures []failure) {
	v.reason, v.only, v.room = fits, several, true
	for _, f := range failures {
		v.room = v.room && room(f.rule) && !f.lasting
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
func (s *shape) reasonOf(c *class, f failure) int16 {
	for i, r := range s.reasons {
		if r.rule == f.rule && r.way == f.way {
			return int16(i)
		}
	}
	s.reasons = append(s.reasons, reason{rule: f.rule, way: f.way, text: rules[f.rule].text(s, c, f.way), lasting: f.lasting})
	return int16(len(s.reasons) - 1)
}

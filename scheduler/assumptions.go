package scheduler

import "time"

// assumptions is all that is assumed, by age. The memory of those that are over
// is used again, so that a fleet where replicas come and go allocates none.
type assumptions struct {
	oldest, newest *assumption
	spare          *assumption // a chain by newer
}

// add begins one that nobody is named in yet.
func (l *assumptions) add(now time.Time) *assumption {
	a := l.spare
	if a == nil {
		a = &assumption{}
	} else {
		l.spare = a.newer
	}
	a.since, a.older, a.newer = now, l.newest, nil
	if l.newest == nil {
		l.oldest = a
	} else {
		l.newest.newer = a
	}
	l.newest = a
	return a
}

// remove ends one. Nothing may refer to it any more.
func (l *assumptions) remove(a *assumption) {
	if a.older == nil {
		l.oldest = a.newer
	} else {
		a.older.newer = a.newer
	}
	if a.newer == nil {
		l.newest = a.older
	} else {
		a.newer.older = a.older
	}
	*a = assumption{newer: l.spare}
	l.spare = a
}

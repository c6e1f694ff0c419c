package aim

import (
	"maps"
	"slices"
	"strings"
)

// varies is what differs between two reports of one error: addresses, sizes,
// process numbers, times.
var varies = Pattern(`0[xX][0-9a-fA-F]+|\d+`)

// Fingerprint is an error's text without what varies, so that two reports of the
// same error are equal.
func Fingerprint(text string) string {
	const most = 200 // bytes
	text = varies().ReplaceAllString(text, "#")
	return strings.ToValidUTF8(text[:min(most, len(text))], "")
}

// changed is a set of what may differ between two rungs.
type changed uint

const (
	changedImage changed = 1 << iota
	changedWeights
	changedGPUs
	changedEnv
	changedOptions
)

// changes tells what differs between two rungs.
func changes(a, b Rung) (c changed) {
	for _, k := range []struct {
		differs bool
		kind    changed
	}{
		{a.Backend != b.Backend || a.Version != b.Version || a.Image != b.Image, changedImage},
		{a.Model != b.Model || a.Revision != b.Revision || a.Precision != b.Precision, changedWeights},
		{a.GPUType != b.GPUType || a.GPUs != b.GPUs || a.Nodes != b.Nodes || a.ShareBytes != b.ShareBytes, changedGPUs},
		{!maps.Equal(a.Env, b.Env), changedEnv},
		{!slices.Equal(a.Options, b.Options), changedOptions},
	} {
		if k.differs {
			c |= k.kind
		}
	}
	return c
}

// Next picks the rung to try after a failure on rung number n: the next lower one
// whose On admits the class. An error that no class explains, but that has come
// again on other rungs, is not about what those changed: a rung that changes only
// such things is passed over.
//
//	rung 1                AcmeKernelError: tile # has no plan, twice
//	rung 2  env           the same: so it is not the environment
//	rung 3  env           passed over
//	rung 4  env, GPUs     tried
//
// tries are those of the replica so far, the failed one included. ok is false
// where no rung is left.
func (l Ladder) Next(n int, f *Failure, tries []Try) (rung Rung, ok bool) {
	if f.Fingerprint == "" {
		return l.After(n, f.Class)
	}
	vain := l.inVain(f.Fingerprint, tries)
	at, _ := l.At(n)
	rung, ok = l.After(n, f.Class)
	for ok && changes(at, rung)&^vain == 0 {
		rung, ok = l.After(rung.Number, f.Class)
	}
	return rung, ok
}

// inVain is what was changed between rungs that failed with the same error.
func (l Ladder) inVain(fingerprint string, tries []Try) (vain changed) {
	var first *Rung
	for _, t := range tries {
		r, ok := l.At(t.Rung)
		switch {
		case !ok || t.Fingerprint != fingerprint:
		case first == nil:
			first = &r
		default:
			vain |= changes(*first, r)
		}
	}
	return vain
}

// Recurs tells whether other rungs than number n have failed with the same error,
// so that to repeat this one teaches nothing.
func (f *Failure) Recurs(n int, tries []Try) bool {
	return f.Fingerprint != "" && slices.ContainsFunc(tries, func(t Try) bool { return t.Rung != n && t.Fingerprint == f.Fingerprint })
}

package options

import (
	"fmt"
	"strconv"

	"github.com/aim-engine/aim"
)

var versionPattern = aim.Pattern(`^v?(\d+)\.(\d+)(?:\.(\d+))?`)

// version is major, minor, patch. What follows the numbers (rc1, +rocm700) is
// not compared: options do not change within a patch release.
type version [3]int

func parseVersion(text string) (version, bool) {
	m := versionPattern().FindStringSubmatch(text)
	if m == nil {
		return version{}, false
	}
	var v version
	for i, part := range m[1:] {
		n, err := strconv.Atoi(part)
		if err != nil && part != "" {
			return version{}, false // more digits than any release has
		}
		v[i] = n
	}
	return v, true
}

func (v version) less(o version) bool {
	for i := range v {
		if v[i] != o[i] {
			return v[i] < o[i]
		}
	}
	return false
}

// refOf finds the compared state that stands for a release. newer is true when
// the release is younger than everything that was compared, so that names it
// may have gained are not known.
func (s *source) refOf(text string) (index int, newer bool, err error) {
	last := len(s.Refs) - 1
	if text == "" {
		return last, false, nil
	}
	v, ok := parseVersion(text)
	if !ok {
		return 0, false, fmt.Errorf("%s version %q is not of the form 0.22.1", s.Backend, text)
	}
	index = -1
	for _, r := range s.Releases {
		known, _ := parseVersion(r.Version)
		if v.less(known) {
			break
		}
		index = s.refIndex(r.Ref)
	}
	if index < 0 {
		return 0, false, fmt.Errorf("%s %s is older than the oldest known option table (%s)", s.Backend, text, s.Releases[0].Version)
	}
	newest, _ := parseVersion(s.Releases[len(s.Releases)-1].Version)
	return index, newest.less(v), nil
}

// Newer tells whether version a ("0.22.1", "v0.22.1") is younger than b. A text
// that is no version is older than every version.
func Newer(a, b string) bool {
	va, okA := parseVersion(a)
	vb, okB := parseVersion(b)
	return okA && (!okB || vb.less(va))
}

package amdgpu

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// address is that of a PCI function. Domains pass 16 bits on some clouds.
type address struct {
	domain    uint32
	bus       uint8
	dev, part uint8 // part is the function
}

// locate unpacks KFD's location_id and domain. With partitions the function
// field is the number of the partition, and only function 0 exists on the bus.
func locate(domain, location uint64) address {
	return address{
		domain: uint32(domain),
		bus:    uint8(location >> 8),
		dev:    uint8(location>>3) & 31,
		part:   uint8(location) & 7,
	}
}

// parseAddress reads dddd:bb:dd.f.
func parseAddress(s string) (address, bool) {
	domain, rest, ok1 := strings.Cut(s, ":")
	bus, rest, ok2 := strings.Cut(rest, ":")
	dev, fn, ok3 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || !ok3 {
		return address{}, false
	}
	var n [4]uint64
	for i, part := range []struct {
		text string
		bits int
	}{{domain, 32}, {bus, 8}, {dev, 5}, {fn, 3}} {
		v, err := strconv.ParseUint(part.text, 16, part.bits)
		if err != nil {
			return address{}, false
		}
		n[i] = v
	}
	return address{uint32(n[0]), uint8(n[1]), uint8(n[2]), uint8(n[3])}, true
}

func (a address) String() string {
	return fmt.Sprintf("%04x:%02x:%02x.%x", a.domain, a.bus, a.dev, a.part)
}

func (a address) compare(b address) int {
	return cmp.Or(
		cmp.Compare(a.domain, b.domain),
		cmp.Compare(a.bus, b.bus),
		cmp.Compare(a.dev, b.dev),
		cmp.Compare(a.part, b.part),
	)
}

// comparePCI orders addresses in writing; those that are not known come last.
func comparePCI(a, b string) int {
	x, okX := parseAddress(a)
	y, okY := parseAddress(b)
	if okX != okY {
		return map[bool]int{true: -1, false: 1}[okX]
	}
	return x.compare(y)
}

// compareNames orders names with numbers in them as people do: mlx5_9 before
// mlx5_10. Names of different stems are ordered as text.
func compareNames(a, b string) int {
	stemA, numA := splitNumber(a)
	stemB, numB := splitNumber(b)
	return cmp.Or(cmp.Compare(stemA, stemB), cmp.Compare(numA, numB), cmp.Compare(a, b))
}

// splitNumber cuts the decimal number off the end of a name; -1 when there is
// none.
func splitNumber(s string) (stem string, n int) {
	stem = strings.TrimRight(s, "0123456789")
	n, err := strconv.Atoi(s[len(stem):])
	if err != nil {
		return s, -1
	}
	return stem, n
}

// numbered returns those names that are stem plus a number, as numbers, in
// ascending order.
func numbered(names []string, stem string) []int {
	var all []int
	for _, name := range names {
		if s, n := splitNumber(name); s == stem && n >= 0 {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

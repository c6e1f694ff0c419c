package recipe

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
)

// Size is a number of bytes. In a file it is a number of gigabytes, or a text
// with a unit: 64GB (decimal), 64GiB or 64Gi (binary).
type Size uint64

var (
	sizePattern = aim.Pattern(`^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$`)
	sizeUnits   = map[string]float64{
		"": 1e9, "b": 1, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}
)

// UnmarshalYAML reads a number or a text with a unit.
func (s *Size) UnmarshalYAML(n *yaml.Node) error {
	m := sizePattern().FindStringSubmatch(strings.TrimSpace(n.Value))
	if n.Kind != yaml.ScalarNode || m == nil {
		return sizeError(n)
	}
	unit, ok := sizeUnits[strings.ToLower(m[2])]
	number, err := strconv.ParseFloat(m[1], 64)
	if !ok || err != nil || number*unit > math.MaxInt64 {
		return sizeError(n)
	}
	*s = Size(number * unit)
	return nil
}

func sizeError(n *yaml.Node) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: cannot unmarshal `%s` into a size: write it as 64GB or 64GiB", n.Line, n.Value)}}
}

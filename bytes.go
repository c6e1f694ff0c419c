package aim

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is an amount of memory. In JSON it is a number, or a text with a unit
// ("40GiB", "40GB"); it is written as text.
type Bytes uint64

var (
	bytesPattern = Pattern(`^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$`)
	bytesUnits   = map[string]float64{
		"": 1, "b": 1, "mb": 1e6, "gb": 1e9, "tb": 1e12, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}
)

// ParseBytes reads a number with or without a unit: MB, GB and TB are decimal,
// MiB, GiB and TiB binary.
func ParseBytes(text string) (Bytes, error) {
	m := bytesPattern().FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return 0, fmt.Errorf("size %q: write it as 40GiB, or as a number of bytes", text)
	}
	unit, ok := bytesUnits[strings.ToLower(m[2])]
	number, err := strconv.ParseFloat(m[1], 64)
	if !ok || err != nil || number*unit >= math.MaxInt64 {
		return 0, fmt.Errorf("size %q: write it as 40GiB, or as a number of bytes", text)
	}
	return Bytes(number * unit), nil
}

// String is the size in the largest binary unit that divides it.
func (b Bytes) String() string {
	for _, unit := range []struct {
		name string
		size Bytes
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}} {
		if b > 0 && b%unit.size == 0 {
			return fmt.Sprintf("%d%s", b/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%dB", uint64(b))
}

// MarshalText writes the size as String does.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalJSON reads a number of bytes, or a text as ParseBytes does.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	text := string(data)
	if data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	v, err := ParseBytes(text)
	if err != nil {
		return err
	}
	*b = v
	return nil
}

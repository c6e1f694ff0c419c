package options

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
)

// checkValues checks the value, or each of the blank-separated values of an
// option that takes several.
func checkValues(spec *Spec, o aim.Option) *Problem {
	if strings.ContainsRune(o.Value, 0) {
		return problemf(o.Name, BadType, "invalid value", "its value holds a NUL byte")
	}
	values := []string{o.Value}
	if spec.Nargs == "+" {
		if values = strings.Fields(o.Value); len(values) == 0 {
			return problemf(o.Name, NoValue, "expected at least one argument", "it needs at least one value")
		}
	}
	for _, v := range values {
		if spec.Nullable && v == "None" {
			continue
		}
		if p := checkValue(spec, v); p != nil {
			return p
		}
	}
	return nil
}

func checkValue(spec *Spec, v string) *Problem {
	if len(spec.Choices) > 0 && !slices.Contains(spec.Choices, v) {
		return badChoice(spec, v)
	}
	switch spec.Type {
	case "int":
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return problemf(spec.Name, BadType, fmt.Sprintf("invalid int value: '%s'", v), "%q is not a whole number", v)
		}
		return checkRange(spec, float64(n), v)
	case "float":
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return problemf(spec.Name, BadType, fmt.Sprintf("invalid float value: '%s'", v), "%q is not a number", v)
		}
		return checkRange(spec, f, v)
	case "human_int", "human_int_or_auto":
		return checkHumanInt(spec, v)
	case "json":
		if !json.Valid([]byte(v)) {
			return problemf(spec.Name, BadType, fmt.Sprintf("Value %s cannot be converted to <function loads>.", v), "%q is not JSON", v)
		}
	}
	return nil
}

func checkHumanInt(spec *Spec, v string) *Problem {
	if spec.Type == "human_int_or_auto" && v == "auto" {
		return nil
	}
	n, ok := HumanInt(v)
	if !ok {
		return problemf(spec.Name, BadType, fmt.Sprintf("invalid int value: '%s'", v), "%q is not a whole number such as 32768, 32k (32,000) or 32K (32,768)", v)
	}
	return checkRange(spec, float64(n), v)
}

func badChoice(spec *Spec, v string) *Problem {
	quoted := make([]string, len(spec.Choices))
	for i, c := range spec.Choices {
		quoted[i] = "'" + c + "'"
	}
	p := problemf(spec.Name, Choice,
		fmt.Sprintf("invalid choice: '%s' (choose from %s)", v, strings.Join(quoted, ", ")),
		"%q is not one of %s", v, strings.Join(spec.Choices, ", "))
	if near := aim.Nearest(v, spec.Choices); near != "" {
		p.Hint = fmt.Sprintf("did you mean %s?", near)
	}
	return p
}

func checkRange(spec *Spec, n float64, v string) *Problem {
	bound, word := 0.0, ""
	switch r := &spec.Range; {
	case r.GT != nil && n <= *r.GT:
		bound, word = *r.GT, "greater than"
	case r.GE != nil && n < *r.GE:
		bound, word = *r.GE, "at least"
	case r.LT != nil && n >= *r.LT:
		bound, word = *r.LT, "less than"
	case r.LE != nil && n > *r.LE:
		bound, word = *r.LE, "at most"
	default:
		return nil
	}
	return problemf(spec.Name, BadRange, fmt.Sprintf("invalid value: '%s'", v), "it must be %s %g, not %s", word, bound, v)
}

var humanPattern = aim.Pattern(`^(-?\d+(?:\.\d+)?)([kmgtKMGT]?)$`)

// HumanInt reads a whole number with vLLM's suffixes: lower-case ones are
// powers of 1000 and may follow a fraction (1.5k), upper-case ones are powers
// of 1024 and may not.
func HumanInt(text string) (n int64, ok bool) {
	m := humanPattern().FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	unit, decimal := 1.0, m[2] == strings.ToLower(m[2])
	if m[2] != "" {
		base := 1024.0
		if decimal {
			base = 1000
		}
		unit = math.Pow(base, float64(1+strings.Index("kmgt", strings.ToLower(m[2]))))
	}
	f, err := strconv.ParseFloat(m[1], 64)
	fraction := strings.Contains(m[1], ".")
	if err != nil || fraction && (m[2] == "" || !decimal) || math.Abs(f*unit) >= 1<<53 {
		return 0, false
	}
	return int64(f * unit), true
}

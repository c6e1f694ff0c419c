package script

import (
	"fmt"
	"strconv"
	"strings"
)

// Condition compares one fact with a text: an option ("max-model-len"), an
// environment variable (a name in capitals), or "first", the number of starts.
type Condition struct {
	Name string // option without dashes
	Op   string // = != < <= > >=
	Text string
}

// Facts are what conditions are about.
type Facts struct {
	Option func(name string) string // value as given or by default; "" = none
	Env    func(name string) string
	Start  int // 1 for the first start of this served name on this node
}

// first names the condition on the number of starts.
const first = "first"

// operators, the longer ones before those that they begin with.
var operators = []string{"!=", "<=", ">=", "=", "<", ">"}

func parseCondition(text string) (Condition, error) {
	at := strings.IndexAny(text, "!<>=")
	if at < 1 {
		return Condition{}, fmt.Errorf("condition %q has not the form option>number, NAME=text or first=N", text)
	}
	c := Condition{Name: strings.TrimSpace(text[:at])}
	for _, op := range operators {
		if rest, ok := strings.CutPrefix(text[at:], op); ok {
			c.Op, c.Text = op, strings.TrimSpace(rest)
			break
		}
	}
	_, isNumber := number(c.Text)
	switch {
	case c.Op == "" || c.Text == "":
		return c, fmt.Errorf("condition %q compares with nothing", text)
	case c.Name == first && (c.Op != "=" || !isNumber):
		return c, fmt.Errorf("condition %q: the form is first=N", text)
	case strings.ContainsAny(c.Op, "<>") && !isNumber:
		return c, fmt.Errorf("condition %q: %q is no number", text, c.Text)
	}
	return c, nil
}

// Holds tells whether the condition is true. A fact that is not there, or is no
// number, is neither above nor below anything.
func (c Condition) Holds(f Facts) bool {
	if c.Name == first {
		limit, _ := number(c.Text)
		return float64(f.Start) <= limit
	}
	fact := f.Option
	if c.Name == strings.ToUpper(c.Name) {
		fact = f.Env
	}
	have := fact(c.Name)
	a, aOK := number(have)
	b, bOK := number(c.Text)
	if !aOK || !bOK {
		return c.Op == "=" && have == c.Text || c.Op == "!=" && have != c.Text
	}
	switch c.Op {
	case "=":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	}
	return a >= b
}

// suffixes of vLLM's sizes: capitals count in 1024, small letters in 1000.
var suffixes = map[byte]float64{
	'k': 1e3, 'm': 1e6, 'g': 1e9, 't': 1e12,
	'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'T': 1 << 40,
}

// number reads a number with an optional suffix.
func number(text string) (float64, bool) {
	factor := 1.0
	if n := len(text); n > 1 && suffixes[text[n-1]] != 0 {
		factor, text = suffixes[text[n-1]], text[:n-1]
	}
	v, err := strconv.ParseFloat(text, 64)
	return v * factor, err == nil
}

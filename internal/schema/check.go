package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Checker holds values against a published schema.
type Checker struct{ schema *jsonschema.Schema }

// NewChecker compiles the part of a schema that a pointer names; "" is all of it.
func NewChecker(text []byte, pointer string) (Checker, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return Checker{}, fmt.Errorf("read a schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	const here = "aim://schema.json"
	if err := c.AddResource(here, doc); err != nil {
		return Checker{}, fmt.Errorf("read a schema: %w", err)
	}
	compiled, err := c.Compile(here + "#" + pointer)
	if err != nil {
		return Checker{}, fmt.Errorf("read a schema: %w", err)
	}
	return Checker{schema: compiled}, nil
}

// Closed is a schema that takes no field which it does not name.
func Closed(text []byte) ([]byte, error) {
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read a schema: %w", err)
	}
	shut(doc)
	return json.Marshal(doc)
}

// shut goes through a schema: what has properties has no others.
func shut(part any) {
	switch p := part.(type) {
	case map[string]any:
		if _, ok := p["properties"].(map[string]any); ok && p["type"] == "object" && p["additionalProperties"] == nil {
			p["additionalProperties"] = false
		}
		for _, inner := range p {
			shut(inner)
		}
	case []any:
		for _, inner := range p {
			shut(inner)
		}
	}
}

// JSON is an error that names every violation.
func (c Checker) JSON(text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	return c.schema.Validate(value)
}

// Value is the same for what a decoder of YAML made.
func (c Checker) Value(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	return c.JSON(text)
}

// Definition is the pointer to an entry of $defs.
func Definition(name string) string {
	return "/$defs/" + strings.NewReplacer("~", "~0", "/", "~1", " ", "%20").Replace(name)
}

package display

import (
	"encoding/json"
	"fmt"
)

// Data prints a value for programs: indented JSON, or one line for jsonl.
func Data(o *Output, format string, value any) error {
	encoder := json.NewEncoder(o)
	encoder.SetEscapeHTML(false)
	if format != "jsonl" {
		encoder.SetIndent("", "  ")
	}
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// List prints values for programs: one array for json, a line each for jsonl.
func List[T any](o *Output, format string, values []T) error {
	if format != "jsonl" {
		if values == nil {
			values = []T{} // [] and not null
		}
		return Data(o, format, values)
	}
	for _, v := range values {
		if err := Data(o, format, v); err != nil {
			return err
		}
	}
	return nil
}

package display

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Data prints a value for programs: indented JSON, or one line for jsonl.
func Data(o *Output, format string, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if format != "jsonl" {
		encoder.SetIndent("", "  ")
	}
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	// encoding/json leaves DEL and C1 as they are; escaped, they are the same JSON.
	_, err := io.WriteString(o, Escape(text.String()))
	if err != nil {
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

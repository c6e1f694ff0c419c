package config

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
)

// read puts a raw value into a field. Raw values are text from a flag or the
// environment, or what YAML made of the file; the default has the field's type.
func read(raw, into any) error {
	switch into := into.(type) {
	case *string:
		return readText(raw, func(s string) error { *into = s; return nil })
	case *bool:
		return readText(raw, func(s string) (err error) {
			if *into, err = strconv.ParseBool(s); err != nil {
				return errors.New("is neither true nor false")
			}
			return nil
		})
	case *int:
		return readText(raw, func(s string) (err error) {
			if *into, err = strconv.Atoi(s); err != nil {
				return errors.New("is not a whole number")
			}
			return nil
		})
	case *time.Duration:
		return readText(raw, func(s string) (err error) {
			if *into, err = time.ParseDuration(s); err != nil {
				return errors.New("is not a duration such as 90s, 10m or 2h")
			}
			return nil
		})
	case *slog.Level:
		return readText(raw, func(s string) error {
			if into.UnmarshalText([]byte(s)) != nil {
				return errors.New("is not a level; use one of debug, info, warn, error")
			}
			return nil
		})
	case *aim.ContainerLevel:
		return readText(raw, func(s string) error { *into = aim.ContainerLevel(s); return nil })
	case *settings.Ports:
		return readText(raw, func(s string) error { return into.UnmarshalText([]byte(s)) })
	case *[]string:
		return readList(raw, into)
	case *map[string]string:
		return readPairs(raw, into)
	case *map[string][]string:
		return readCommands(raw, into)
	}
	return fmt.Errorf("has a field of type %T, which cannot be read", into)
}

// readText refuses lists and tables where one value is wanted.
func readText(raw any, set func(string) error) error {
	switch raw := raw.(type) {
	case []any, map[string]any, []string:
		return errors.New("must be one value, not a list or a table")
	case nil:
		return set("")
	default:
		return set(fmt.Sprint(raw))
	}
}

// readList takes a list, or text with commas.
func readList(raw any, into *[]string) error {
	*into = nil
	switch raw := raw.(type) {
	case []string:
		*into = raw
	case []any:
		for _, v := range raw {
			*into = append(*into, fmt.Sprint(v))
		}
	case string:
		for part := range strings.SplitSeq(raw, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*into = append(*into, part)
			}
		}
	default:
		return errors.New("is not a list")
	}
	return nil
}

// readPairs takes a list of name=value. A table is refused: its names would
// come back in lower case, which labels may not be.
func readPairs(raw any, into *map[string]string) error {
	if m, ok := raw.(map[string]string); ok {
		*into = m
		return nil
	}
	var list []string
	if err := readList(raw, &list); err != nil {
		return errors.New("is not a list of name=value")
	}
	*into = make(map[string]string, len(list))
	for _, pair := range list {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return fmt.Errorf("has %q, which is not name=value", pair)
		}
		(*into)[name] = value
	}
	return nil
}

// readCommands takes a table of backend to list of words, or a list of
// backend=program with arguments, split at blanks.
func readCommands(raw any, into *map[string][]string) error {
	*into = make(map[string][]string)
	switch raw := raw.(type) {
	case map[string][]string:
		*into = raw
		return nil
	case map[string]any:
		for backend, words := range raw {
			var list []string
			if err := readList(words, &list); err != nil {
				return fmt.Errorf("has no list of words for %s", backend)
			}
			(*into)[backend] = list
		}
		return nil
	}
	var pairs map[string]string
	if err := readPairs(raw, &pairs); err != nil {
		return err
	}
	for backend, line := range pairs {
		(*into)[backend] = strings.Fields(line)
	}
	return nil
}

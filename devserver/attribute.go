package devserver

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/searchattribute/sadefs"
)

// SearchAttribute is a name that `temporal workflow list --query` understands
// and the type of its values.
type SearchAttribute struct {
	Name string
	Type enumspb.IndexedValueType
}

// String writes the attribute as ParseSearchAttribute reads it.
func (a SearchAttribute) String() string {
	return a.Name + "=" + a.Type.String()
}

// A name is used bare in queries, hence an identifier.
var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// ParseSearchAttribute reads "Name=Type". The types are Bool, Datetime, Double,
// Int, Keyword, KeywordList and Text; names that Temporal uses itself are refused.
func ParseSearchAttribute(s string) (SearchAttribute, error) {
	name, typeName, found := strings.Cut(s, "=")
	if !found {
		return SearchAttribute{}, fmt.Errorf("read search attribute %q: write Name=Type, such as Model=Keyword", s)
	}
	if !attributeName.MatchString(name) {
		return SearchAttribute{}, fmt.Errorf("read search attribute %q: a name has letters, digits and _ and starts with a letter", s)
	}
	if sadefs.IsReserved(name) {
		return SearchAttribute{}, fmt.Errorf("read search attribute %q: Temporal uses the name %s itself: choose another", s, name)
	}
	typ, err := enumspb.IndexedValueTypeFromString(typeName)
	if err != nil || typ == enumspb.INDEXED_VALUE_TYPE_UNSPECIFIED {
		return SearchAttribute{}, fmt.Errorf("read search attribute %q: the type is one of Bool, Datetime, Double, Int, Keyword, KeywordList, Text", s)
	}
	if sadefs.IsPreallocatedCSAFieldName(name, typ) {
		return SearchAttribute{}, fmt.Errorf("read search attribute %q: %s is a column of the database: choose another name", s, name)
	}
	return SearchAttribute{Name: name, Type: typ}, nil
}

// addAliases gives each wanted attribute a column. SQLite cannot index what it
// does not know, so its visibility table has a fixed number of columns of each
// type (10 Keyword, 3 of each other type) and every namespace names the ones it
// uses: aliases maps column to attribute name. Attributes that have a column keep it.
// It reports whether it changed aliases.
func addAliases(aliases map[string]string, wanted []SearchAttribute) (changed bool, err error) {
	columns := sadefs.GetDBIndexSearchAttributes(nil).CustomSearchAttributes
	columnOf := make(map[string]string, len(aliases))
	for column, name := range aliases {
		columnOf[name] = column
	}
	for _, a := range wanted {
		if column, ok := columnOf[a.Name]; ok {
			if columns[column] != a.Type {
				return changed, fmt.Errorf("search attribute %s is %s already and cannot become %s: choose another name", a.Name, columns[column], a.Type)
			}
			continue
		}
		column, err := freeColumn(columns, aliases, a.Type)
		if err != nil {
			return changed, fmt.Errorf("add search attribute %s: %w", a, err)
		}
		aliases[column] = a.Name
		changed = true
	}
	return changed, nil
}

func freeColumn(columns map[string]enumspb.IndexedValueType, aliases map[string]string, typ enumspb.IndexedValueType) (string, error) {
	used := 0
	for _, column := range slices.Sorted(maps.Keys(columns)) {
		if columns[column] != typ {
			continue
		}
		if _, taken := aliases[column]; !taken {
			return column, nil
		}
		used++
	}
	return "", fmt.Errorf("all %d columns of type %s are in use: make do with fewer, or use another type", used, typ)
}

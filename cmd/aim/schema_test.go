package main

import (
	"maps"
	"reflect"
	"testing"

	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
	"github.com/aim-engine/aim/internal/schema"
)

// docs/output.schema.json has, below $defs, what each command prints with -o json, by
// the words of the command, and what every command that fails prints on stderr.
func TestDocsOutput(t *testing.T) {
	t.Chdir("../..")
	maker, err := schema.Read("activities", "cmd/aim", "internal", "recipes", "workflows", ".")
	require.NoError(t, err)
	maker.Open = true
	all := &jsonschema.Schema{
		Version: jsonschema.Version, Title: "What the commands of AIM Engine print with -o json", Definitions: jsonschema.Definitions{},
		Description: "Below $defs: an entry a command, by its words. Fields are only ever added.",
	}
	put := func(name string, types ...reflect.Type) {
		require.NotContains(t, all.Definitions, name)
		entry := &jsonschema.Schema{}
		for _, of := range types {
			entry.AnyOf = append(entry.AnyOf, below(all, maker, of))
		}
		if len(entry.AnyOf) == 1 {
			entry = entry.AnyOf[0]
		}
		all.Definitions[name] = entry
	}
	app := cli.New(cli.Streams{})
	root := cli.NewRoot(app)
	addCommands(root, app)
	for _, cmd := range allCommands(root) {
		if types := app.Printed(cmd); len(types) > 0 {
			put(cmd.CommandPath(), types...)
		}
	}
	put("error", reflect.TypeFor[cli.Report]())
	text, err := schema.Text(all)
	require.NoError(t, err)
	t.Chdir("cmd/aim")
	clitest.Golden(t, "../../../docs/output.schema.json", string(text))
	for name := range all.Definitions {
		_, err := schema.NewChecker(text, schema.Definition(name))
		require.NoError(t, err, name)
	}
}

// below adds the schema of a type and of what it holds, and returns the reference.
func below(all *jsonschema.Schema, maker *schema.Maker, of reflect.Type) *jsonschema.Schema {
	s := maker.Of(of, "json")
	maps.Copy(all.Definitions, s.Definitions)
	s.Version, s.Definitions = "", nil
	return s
}

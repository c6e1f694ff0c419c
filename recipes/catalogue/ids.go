package catalogue

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
)

// ids is what tells whether a request needs a file.
type ids struct {
	recipe string // recipe id, "" for a model file
	model  string // model id
}

// lineIDs finds the ids where they stand at the start of a line, as they do in
// block style, without parsing the file and without allocating. ok is false
// where there is no model id: the file has another style, or a mistake.
func lineIDs(data []byte) (recipe, model []byte, ok bool) {
	for len(data) > 0 && (recipe == nil || model == nil) {
		line, rest, _ := bytes.Cut(data, newline)
		if value, is := valueOf(line, recipeKey); is && recipe == nil {
			recipe = value
		} else if value, is := valueOf(line, modelKey); is && model == nil {
			model = value
		}
		data = rest
	}
	return recipe, model, len(model) > 0
}

var (
	newline   = []byte("\n")
	recipeKey = []byte("recipe_id")
	modelKey  = []byte("model_id")
)

// valueOf reads `key: value` with or without quotes around either.
func valueOf(line, key []byte) (value []byte, ok bool) {
	line = bytes.TrimLeft(line, `"'`)
	if !bytes.HasPrefix(line, key) {
		return nil, false
	}
	line = bytes.TrimLeft(line[len(key):], `"'`)
	if len(line) == 0 || line[0] != ':' {
		return nil, false
	}
	value = bytes.TrimLeft(line[1:], " \t")
	if end := bytes.IndexAny(value, " \t\r"); end >= 0 {
		value = value[:end]
	}
	return bytes.Trim(value, `"',`), true
}

// parseIDs reads the ids of a file in flow style, such as JSON, or names its
// mistake.
func parseIDs(file string, data []byte) (ids, error) {
	var given struct {
		Recipe string `yaml:"recipe_id"`
		Model  string `yaml:"model_id"`
	}
	doc := &yamlfile.Document{File: file, Root: &yaml.Node{}}
	if err := yaml.Unmarshal(data, doc.Root); err != nil {
		return ids{}, doc.SyntaxError(err, data)
	}
	if err := doc.Root.Decode(&given); err != nil {
		return ids{}, doc.TypeError(err, &given)
	}
	if given.Model == "" {
		return ids{}, aim.Failf(aim.ClassInput, "%s:1:1: field \"model_id\" is missing, so it is neither a recipe nor a model", file).
			WithHint("see: aim recipe validate --help")
	}
	return ids{recipe: given.Recipe, model: given.Model}, nil
}

var nameLine = aim.Pattern(`(?m)^\s+(?:- )?(?:repo|id):[ \t]+(\S+)`)

// otherNames are the repositories that a model file speaks of.
func otherNames(data []byte) []string {
	var all []string
	for _, m := range nameLine().FindAllSubmatch(data, -1) {
		all = append(all, strings.Trim(string(m[1]), `"',`))
	}
	return all
}

package recipes

import (
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
)

// head is what the index keeps of a file.
type head struct {
	recipe string   // recipe id, "" for a model file
	model  string   // model id
	names  []string // other repositories that a model file speaks of
}

func (h head) key() string {
	if h.recipe != "" {
		return "recipe " + h.recipe
	}
	return "model " + h.model
}

var (
	recipeLine = regexp.MustCompile(`(?m)^["']?recipe_id["']?:[ \t]+(\S+)`)
	modelLine  = regexp.MustCompile(`(?m)^["']?model_id["']?:[ \t]+(\S+)`)
	nameLine   = regexp.MustCompile(`(?m)^\s+(?:- )?(?:repo|id):[ \t]+(\S+)`)
)

// readHead finds the ids of a file without parsing it, so that a mistake in one
// file does not keep others from being used. Only a file whose ids do not stand
// at the start of a line is parsed.
func readHead(file string, data []byte) (head, error) {
	text := string(data)
	h := head{recipe: firstMatch(recipeLine, text), model: firstMatch(modelLine, text)}
	if h.model == "" {
		var err error
		if h, err = parseHead(file, data); err != nil {
			return head{}, err
		}
	}
	if h.recipe == "" {
		for _, m := range nameLine.FindAllStringSubmatch(text, -1) {
			h.names = append(h.names, unquote(m[1]))
		}
	}
	return h, nil
}

// parseHead reads the ids of a file in flow style, such as JSON.
func parseHead(file string, data []byte) (head, error) {
	var ids struct {
		Recipe string `yaml:"recipe_id"`
		Model  string `yaml:"model_id"`
	}
	doc := &document{file: file, root: &yaml.Node{}}
	if err := yaml.Unmarshal(data, doc.root); err != nil {
		return head{}, doc.syntaxError(err, data)
	}
	if err := doc.root.Decode(&ids); err != nil {
		return head{}, doc.typeError(err, &ids)
	}
	if ids.Model == "" {
		return head{}, aim.Failf(aim.ClassInput, "%s:1:1: field \"model_id\" is missing, so it is neither a recipe nor a model", file).
			WithHint("see: aim recipe validate --help")
	}
	return head{recipe: ids.Recipe, model: ids.Model}, nil
}

func firstMatch(p *regexp.Regexp, text string) string {
	m := p.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return unquote(m[1])
}

func unquote(s string) string { return strings.Trim(s, `"',`) }

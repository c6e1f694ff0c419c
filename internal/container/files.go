package container

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// pathPattern finds what an option could open: a word that begins with a slash,
// a tilde, or dots and a slash, or that climbs. Values may be a path, a list,
// name=path, JSON, or a URL of a file. A tag such as </think> is none.
//
//	/etc/shadow   sql=/etc   {"model":"/etc"}   ../../etc   ~root/x   file:///etc/x
var (
	pathPattern = aim.Pattern(`(?:^|[^A-Za-z0-9_.~/<-])((?:/|~|\.\.?/)` + inPath + `|[A-Za-z0-9_.-]` + inPath + `/\.\.(?:/` + inPath + `)?)`)
	urlPattern  = aim.Pattern(`https?://[^\s,"']*`)
)

// inPath is what may follow within one word.
const inPath = `[^\s"',;:=()\[\]{}<>|&]*`

// Paths lists what could be a path outside the server's own folder in an
// argument. JSON is read first: it may write a slash as \/ or \u002f.
func Paths(argument string) []string {
	var found []string
	for _, text := range texts(argument) {
		text = urlPattern().ReplaceAllString(text, "")
		for _, m := range pathPattern().FindAllStringSubmatch(text, -1) {
			// A slash by itself is a sign of a template or a sum, unless it is all.
			if m[1] != "/" && m[1] != "~" || text == m[1] {
				found = append(found, m[1])
			}
		}
		if text == ".." || text == "." {
			found = append(found, text)
		}
	}
	return found
}

// texts are the argument, or if it is JSON all that its texts and keys say.
func texts(argument string) []string {
	var value any
	if !strings.ContainsAny(argument, "{[\"") || json.Unmarshal([]byte(argument), &value) != nil {
		return []string{argument}
	}
	var all []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			all = append(all, v)
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				all = append(all, name)
				walk(v[name])
			}
		}
	}
	walk(value)
	return all
}

// Share lets the options name files below the folders that the node's owner has
// set aside for weights: each such path is replaced by the one that its links
// lead to, which must lie below a root as well, and mounts are what the server
// must see for it, read only. Paths elsewhere stay as they are: in a container
// they are the image's own; where there is none, CheckFiles refuses them. A link
// that leaves the roots is a Failure of class input.
func Share(opts []aim.Option, roots []string) ([]aim.Option, []aim.Mount, error) {
	shared := slices.Clone(opts)
	var mounts []aim.Mount
	for i, o := range shared {
		for _, p := range Paths(o.Value) {
			if !filepath.IsAbs(p) || !within(filepath.Clean(p), roots) {
				continue
			}
			real, err := resolve(p, roots)
			if err != nil {
				return nil, nil, aim.Failf(aim.ClassInput, "option --%s: %v", o.Name, err)
			}
			shared[i].Value = strings.ReplaceAll(shared[i].Value, p, real)
			if m := (aim.Mount{Source: real, Target: real, ReadOnly: true}); !slices.Contains(mounts, m) {
				mounts = append(mounts, m)
			}
		}
	}
	return shared, mounts, nil
}

// resolve follows links; the end must lie below a root, whose own links count.
func resolve(p string, roots []string) (string, error) {
	real, err := filepath.EvalSymlinks(filepath.Clean(p))
	if err != nil {
		return "", aim.Failf(aim.ClassInput, "%v", err)
	}
	for _, root := range roots {
		if r, err := filepath.EvalSymlinks(root); err == nil && within(real, []string{r}) {
			return real, nil
		}
	}
	return "", aim.Failf(aim.ClassInput, "%s leads to %s, which is not below a weight root", p, real)
}

// CheckFiles refuses arguments that name a file which is not below one of the
// launch's mounts. It is for a server that is not in a container: nothing else
// would keep it from reading /etc/shadow. The error is a Failure of class input.
func CheckFiles(l aim.Launch) error {
	var folders []string
	for _, m := range l.Mounts {
		folders = append(folders, m.Target)
	}
	for _, argument := range l.Args {
		for _, p := range Paths(argument) {
			if !filepath.IsAbs(p) || !within(filepath.Clean(p), folders) {
				return aim.Failf(aim.ClassInput, "argument %q names %s, which is not below a weight root of this node", short(argument), p).
					WithHint("put the file below a folder of node.weight_roots, or use --runtime docker")
			}
		}
	}
	return nil
}

func short(text string) string {
	const most = 120
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

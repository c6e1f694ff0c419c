package deployment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

// declared is a spec, and where it stands: FILE:LINE, or FILE alone where it is all
// of a file.
type declared struct {
	spec  aim.DeploymentSpec
	where string
}

// maxSpecFile bounds what is read of one file, in bytes: a spec has a few hundred.
const maxSpecFile = 4 << 20

// readSpecs reads every spec of a file, of standard input ("-"), or of the YAML and
// JSON files of a folder in the order of their names. All mistakes are told at once.
func readSpecs(source string, in io.Reader) ([]declared, error) {
	info, err := os.Stat(source)
	switch {
	case source == "-":
		return readDocuments("-", in)
	case errors.Is(err, fs.ErrNotExist):
		return nil, cli.Usage("no file %s", source)
	case err != nil:
		return nil, cli.Failed("read the spec: %w", err)
	case !info.IsDir():
		return readSpecFile(source)
	}
	var all []declared
	var wrong []error
	for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
		files, err := filepath.Glob(filepath.Join(source, pattern))
		if err != nil {
			return nil, cli.Usage("%s: %v", source, err)
		}
		for _, file := range files {
			found, err := readSpecFile(file)
			all, wrong = append(all, found...), append(wrong, err)
		}
	}
	slices.SortStableFunc(all, func(a, b declared) int { return bytes.Compare([]byte(a.where), []byte(b.where)) })
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, cli.Usage("the folder %s declares no deployment: it has no .yaml, .yml or .json file with a spec", source)
	}
	return all, nil
}

func readSpecFile(path string) ([]declared, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cli.Failed("read the spec: %w", err)
	}
	defer f.Close()
	return readDocuments(path, f)
}

// readDocuments reads the documents of a stream; empty ones are left out.
func readDocuments(name string, in io.Reader) (all []declared, err error) {
	data, err := io.ReadAll(io.LimitReader(in, maxSpecFile+1))
	switch {
	case err != nil:
		return nil, cli.Failed("read the spec in %s: %w", name, err)
	case len(data) > maxSpecFile:
		return nil, cli.Usage("%s is longer than %d MiB, and no file of specs", name, maxSpecFile>>20)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var wrong []error
	for {
		var node yaml.Node
		err := d.Decode(&node)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // nothing behind it can be read
			wrong = append(wrong, cli.Usage("read the spec in %s: %w", name, err))
			break
		}
		if len(node.Content) == 0 || node.Content[0].Tag == "!!null" {
			continue
		}
		spec, err := specOf(&node)
		where := fmt.Sprintf("%s:%d", name, node.Content[0].Line)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("read the spec in %s: %w", where, err))
			continue
		}
		all = append(all, declared{spec, where})
	}
	if len(all) == 1 {
		all[0].where = name
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, cli.Usage("%s declares no deployment: it is empty", name)
	}
	return all, nil
}

// specOf reads a document by the names of the JSON, which are the contract.
func specOf(node *yaml.Node) (spec aim.DeploymentSpec, err error) {
	var fields any
	if err := node.Decode(&fields); err != nil {
		return spec, cli.Usage("%w", err)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return spec, cli.Usage("%w", err)
	}
	return spec, json.Unmarshal(text, &spec)
}

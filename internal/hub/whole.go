package hub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
)

// whole tells whether a model folder that somebody else made has everything a
// server needs, from the files alone: a configuration, and all the weights that
// the index or the numbering of the shards promises, none of them cut. The error
// names what is missing.
func whole(folder fs.FS) error {
	if !present(folder, configFile) && !present(folder, mistralConfig) {
		return fmt.Errorf("it has no %s", configFile)
	}
	for _, index := range []string{safetensorsIndex, "pytorch_model.bin.index.json"} {
		if !present(folder, index) {
			continue
		}
		data, err := readAll(folder, index)
		if err != nil {
			return err
		}
		names, err := decodeIndex(data)
		if err != nil {
			return err
		}
		return wholeFiles(folder, names)
	}
	return wholeShards(folder)
}

// wholeShards checks a folder without an index.
func wholeShards(folder fs.FS) error {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return err
	}
	var all []file
	for _, e := range entries {
		all = append(all, file{Name: e.Name()})
	}
	weights, err := chooseWeights(all, nil)
	if err != nil {
		return errors.New("it has no weights")
	}
	var names []string
	for _, w := range weights {
		names = append(names, w.Name)
	}
	return wholeFiles(folder, withSiblings(names))
}

// withSiblings adds the shards that the numbering of the others promises:
// x-00001-of-00002 promises x-00002-of-00002.
func withSiblings(names []string) []string {
	all := slices.Clone(names)
	for _, name := range names {
		m := splitName().FindStringSubmatch(name)
		if m == nil {
			continue
		}
		count, _ := strconv.Atoi(m[3]) // five digits, by the pattern
		for i := 1; i <= count; i++ {
			all = append(all, fmt.Sprintf("%s-%05d-of-%s%s", m[1], i, m[3], path.Ext(name)))
		}
		if len(all) > 100_000 {
			return all // a folder of lies; the first missing shard settles it
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// wholeFiles checks that every weight file is there and not cut.
func wholeFiles(folder fs.FS, names []string) error {
	for _, name := range names {
		if err := wholeFile(folder, name); err != nil {
			return fmt.Errorf("weights %s: %w", name, err)
		}
	}
	return nil
}

// wholeFile checks one weight file. A link to nothing is a missing file: that is
// how a blob which was deleted looks.
func wholeFile(folder fs.FS, name string) error {
	f, err := folder.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("missing")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() || st.Size() == 0 {
		return errors.New("it is empty")
	}
	if path.Ext(name) != ".safetensors" {
		return nil // older forms do not tell their length
	}
	return checkSafetensors(f, st.Size())
}

// hasTokenizer tells whether a folder has a tokenizer in any usual form. Tools
// that fetch all files at once get the tokenizer last, by the alphabet.
func hasTokenizer(folder fs.FS) bool {
	for _, pattern := range []string{"tokenizer.json", "tokenizer.model*", "*.model", "tekken.json", "vocab.*", "*.tiktoken"} {
		if found, err := fs.Glob(folder, pattern); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

// present tells whether a non-empty regular file is there, through links.
func present(folder fs.FS, name string) bool {
	st, err := fs.Stat(folder, name)
	return err == nil && st.Mode().IsRegular() && st.Size() > 0
}

// readAll reads a file of JSON, within bounds: others may have written it.
func readAll(folder fs.FS, name string) ([]byte, error) {
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIndex+1))
	if err == nil && len(data) > maxIndex {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxIndex)
	}
	return data, err
}

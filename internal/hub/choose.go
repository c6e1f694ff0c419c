package hub

import (
	"path"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

const (
	safetensorsIndex = "model.safetensors.index.json"
	configFile       = "config.json"
	mistralConfig    = "params.json" // the config of Mistral's own format
)

// weightFormats are the endings of weights, best first. Safetensors run no code
// when they are read and can be checked; a repository that has them often holds
// the same weights once more in older forms.
var weightFormats = [][]string{{".safetensors"}, {".bin"}, {".pt", ".pth"}, {".gguf"}}

// otherForms are folders in which publishers put the same model for other
// programs: original checkpoints (Llama, gpt-oss), exports, training leftovers.
var otherForms = []string{"original", "metal", "onnx", "openvino", "coreml", "gguf", "checkpoints", "runs", "logs", "figures", "assets"}

// notRead are endings that no server reads, weights apart.
var notRead = []string{
	".onnx", ".onnx_data", ".h5", ".msgpack", ".ot", ".tflite", ".mlmodel", ".nemo", ".ckpt", ".ggml", ".llamafile",
	".md", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".mp4", ".mp3", ".wav", ".pdf", ".html", ".ipynb", ".zip", ".tar",
	".gitattributes", ".gitignore",
}

// training are files that have a weight ending and hold the state of a trainer.
var training = []string{"training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "scaler.pt"}

var (
	// moduleFolder is a module of sentence-transformers, such as 2_Dense: its
	// weights count beside the model's own.
	moduleFolder = aim.Pattern(`^[0-9]+_[A-Za-z]+/`)
	splitName    = aim.Pattern(`^(.*)-([0-9]{5})-of-([0-9]{5})\.[a-z]+$`)
)

// choose picks the files that a server needs: configuration, tokenizer, chat
// templates and one form of the weights; what it does not know it takes, since a
// missing small file costs more than its bytes. indexed are the weight files
// that the safetensors index names, nil where there is none. The answer has the
// weights last. A repository that cannot be served is a Failure of class missing.
func choose(all []file, indexed []string) ([]file, error) {
	weights, err := chooseWeights(all, indexed)
	if err != nil {
		return nil, err
	}
	var chosen []file
	for _, f := range all {
		if needed(f.Name) {
			chosen = append(chosen, f)
		}
	}
	if !slices.ContainsFunc(chosen, func(f file) bool { return f.Name == configFile || f.Name == mistralConfig }) {
		return nil, aim.Failf(aim.ClassMissing, "the repository holds no %s", configFile).
			WithHint("name a repository in the Transformers format")
	}
	return append(chosen, weights...), nil
}

// needed tells whether a file that is not weights is wanted.
func needed(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return !inOtherForm(name) && !slices.Contains(notRead, ext) && !isWeight(ext)
}

// chooseWeights picks one form of the weights.
func chooseWeights(all []file, indexed []string) ([]file, error) {
	if len(indexed) > 0 {
		return indexedWeights(all, indexed)
	}
	for _, exts := range weightFormats {
		all := filter(all, func(name string) bool {
			return slices.Contains(exts, path.Ext(name)) && !inOtherForm(name) && !slices.Contains(training, path.Base(name))
		})
		// Weights at the root are the model; folders beside it are variants of it.
		main := filter(all, func(name string) bool { return !strings.Contains(name, "/") || moduleFolder().MatchString(name) })
		if len(main) == 0 {
			main = all
		}
		if len(main) == 0 {
			continue
		}
		if exts[0] == ".gguf" && !oneModel(main) {
			return nil, aim.Failf(aim.ClassMissing, "the repository holds %d different GGUF files and nothing else", len(main)).
				WithHint("put the one you want on the node and deploy it by its absolute path, or name a repository with safetensors")
		}
		return main, nil
	}
	return nil, aim.Failf(aim.ClassMissing, "the repository holds no weights that a server could load").
		WithHint("name a repository with safetensors files")
}

// indexedWeights are the files of the index, as the servers themselves choose,
// and the weights that never stand in it: modules, and Mistral's consolidated
// files, which vLLM prefers where they are and some recipes ask for.
func indexedWeights(all []file, indexed []string) ([]file, error) {
	absent := make(map[string]bool, len(indexed))
	for _, name := range indexed {
		absent[name] = true
	}
	weights := filter(all, func(name string) bool {
		if absent[name] {
			delete(absent, name)
			return true
		}
		return path.Ext(name) == ".safetensors" && (strings.HasPrefix(name, "consolidated") || moduleFolder().MatchString(name))
	})
	for _, name := range indexed {
		if absent[name] {
			return nil, aim.Failf(aim.ClassMissing, "its index names %q, which the repository does not hold", name).
				WithHint("choose another revision of the model")
		}
	}
	return weights, nil
}

// oneModel tells whether the files are one file, or the pieces of one.
func oneModel(files []file) bool {
	stem := func(f file) string {
		if m := splitName().FindStringSubmatch(f.Name); m != nil {
			return m[1]
		}
		return f.Name
	}
	return !slices.ContainsFunc(files, func(f file) bool { return stem(f) != stem(files[0]) })
}

// inOtherForm tells whether a file lies in a folder for other programs.
func inOtherForm(name string) bool {
	top, _, nested := strings.Cut(name, "/")
	return nested && slices.Contains(otherForms, strings.ToLower(top))
}

// isWeight tells whether an ending is that of weights in any form.
func isWeight(ext string) bool {
	return slices.ContainsFunc(weightFormats, func(exts []string) bool { return slices.Contains(exts, ext) })
}

// filter keeps the files with these names, in their order.
func filter(files []file, keep func(name string) bool) []file {
	var kept []file
	for _, f := range files {
		if keep(f.Name) {
			kept = append(kept, f)
		}
	}
	return kept
}

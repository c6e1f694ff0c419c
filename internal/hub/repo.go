package hub

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/aim-engine/aim"
)

// repo is one model at one revision.
type repo struct {
	id       string            // owner/name, or a bare name for the oldest models
	revision string            // branch, tag or commit
	kind     aim.CompanionKind // which of its files are meant; "" = those of a whole model
}

// What becomes a folder, a file or a URL is checked against these before it does.
// The first two are wider than what the public hub allows, as mirrors are.
var (
	idPattern       = aim.Pattern(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$`)
	revisionPattern = aim.Pattern(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)
	blobPattern     = aim.Pattern(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
)

const folderPrefix = "models--"

// newRepo checks both names; "" is the revision main. The hub allows neither
// "--" nor ".." in an id, and the cache's folder names depend on the first.
func newRepo(model, revision string) (repo, error) {
	if revision == "" {
		revision = "main"
	}
	if !idPattern().MatchString(model) || strings.Contains(model, "--") || strings.Contains(model, "..") || len(model) > 200 {
		return repo{}, aim.Failf(aim.ClassInput, "model %q is not an owner/name id of a model hub", model)
	}
	if !revisionPattern().MatchString(revision) || !localName(revision) {
		return repo{}, aim.Failf(aim.ClassInput, "revision %q of model %s is not a branch, tag or commit", revision, model)
	}
	return repo{id: model, revision: revision}, nil
}

// String is the id, with the revision where it is not the usual one.
func (r repo) String() string {
	if r.revision == "main" {
		return r.id
	}
	return r.id + " at " + r.revision
}

// folder is the repository's folder in the cache.
func (r repo) folder() string {
	return folderPrefix + strings.ReplaceAll(r.id, "/", "--")
}

// idOf reads a folder name back; ok is false for folders of other kinds.
func idOf(folder string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(folder, folderPrefix)
	if !ok {
		return "", false
	}
	id = strings.Replace(rest, "--", "/", 1)
	_, err := newRepo(id, "")
	return id, err == nil
}

// localName tells whether a slash-separated name sent by a hub stays below the
// folder it is put in, and means the same to every tool that reads the cache.
func localName(name string) bool {
	return filepath.IsLocal(name) && path.Clean(name) == name && name != "." && len(name) <= 1024 &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f })
}

// isCommit tells a full commit hash from a branch or tag, and from a sha256.
func isCommit(s string) bool { return isHex(s, 40) }

// isSHA256 tells whether s is a sha256 in lower case hex.
func isSHA256(s string) bool { return isHex(s, 64) }

func isHex(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789abcdef") == ""
}

// isBlob tells whether s may name a file of the blob store.
func isBlob(s string) bool { return blobPattern().MatchString(s) && len(s) <= 128 }

package hub

import (
	"encoding/json"
	"io/fs"
	"path"
	"strings"

	"github.com/aim-engine/aim"
)

// manifest says which files make a snapshot complete. It is written when all of
// them have been verified.
type manifest struct {
	Version int    `json:"version"` // 1
	Model   string `json:"model"`
	Commit  string `json:"commit"`
	Files   []file `json:"files"`
}

const manifestVersion = 1

// seal turns verified blobs into a complete snapshot. The order matters: a
// process killed between two steps leaves a snapshot without a manifest, or a
// manifest without a ref, and the next Fetch does the rest.
func (s *store) seal(commit string, files []file) error {
	for _, f := range files {
		if err := s.link(commit, f); err != nil {
			return err
		}
	}
	if err := s.writeManifest(commit, files); err != nil {
		return err
	}
	return s.setRef(commit)
}

// writeManifest records a complete snapshot.
func (s *store) writeManifest(commit string, files []file) error {
	data, err := json.MarshalIndent(manifest{manifestVersion, s.repo.id, commit, files}, "", " ")
	if err != nil {
		return err
	}
	return s.replace(s.manifest(commit), data)
}

// snapshot is a complete snapshot.
type snapshot struct {
	path string // absolute
	size int64  // bytes of its files
}

// complete finds the snapshot of the revision if it is here in full. One that
// another tool made has no manifest; it counts when its files are whole, and is
// adopted, so that the next look is quick. It uses no network.
func (s *store) complete() (snapshot, bool) {
	commit := s.commit()
	if commit == "" {
		return snapshot{}, false
	}
	if m, ok := s.readManifest(commit); ok {
		return s.full(m)
	}
	if s.repo.kind == aim.CompanionTokenizer {
		whole := *s
		whole.repo.kind = ""
		return whole.complete() // a whole model has it too
	}
	if s.repo.kind != "" {
		return snapshot{}, false
	}
	m, ok := s.survey(commit)
	if !ok {
		return snapshot{}, false
	}
	// A cache that we may only read stays as it is; it is surveyed every time.
	_ = s.writeManifest(commit, m.Files)
	return s.full(m)
}

// readManifest reads a manifest, which others who share the cache may have
// damaged: a bad one is none.
func (s *store) readManifest(commit string) (manifest, bool) {
	data, err := readAll(s.root.FS(), s.manifest(commit))
	if err != nil {
		return manifest{}, false
	}
	return decodeManifest(data, commit)
}

// decodeManifest takes only what this version has written for this commit.
func decodeManifest(data []byte, commit string) (manifest, bool) {
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil || m.Version != manifestVersion || m.Commit != commit || len(m.Files) == 0 {
		return manifest{}, false
	}
	for _, f := range m.Files {
		if !localName(f.Name) || f.Size < 0 {
			return manifest{}, false
		}
	}
	return m, true
}

// full tells whether every file of the manifest is there with its size. Content
// was verified before the manifest was written, so sizes are enough.
func (s *store) full(m manifest) (snapshot, bool) {
	snap := snapshot{path: s.path(m.Commit)}
	for _, f := range m.Files {
		st, err := s.root.Stat(path.Join(s.snapshot(m.Commit), f.Name))
		if err != nil || !st.Mode().IsRegular() || st.Size() != f.Size {
			return snapshot{}, false
		}
		snap.size += f.Size
	}
	return snap, true
}

// survey writes down a snapshot that another tool made; ok is false when it is
// not whole.
func (s *store) survey(commit string) (m manifest, ok bool) {
	folder, err := s.folder(commit)
	if err != nil || whole(folder) != nil || !hasTokenizer(folder) {
		return manifest{}, false
	}
	m = manifest{Version: manifestVersion, Model: s.repo.id, Commit: commit}
	err = fs.WalkDir(folder, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		st, err := fs.Stat(folder, name) // through the link
		if err != nil || !st.Mode().IsRegular() {
			return err
		}
		m.Files = append(m.Files, file{Name: name, Size: st.Size(), Blob: s.linked(commit, name)})
		return nil
	})
	return m, err == nil && len(m.Files) > 0
}

// linked is the blob that a snapshot's file links to, "" for a plain file.
func (s *store) linked(commit, name string) string {
	target, err := s.root.Readlink(path.Join(s.snapshot(commit), name))
	if err != nil {
		return ""
	}
	return target[strings.LastIndexByte(target, '/')+1:]
}

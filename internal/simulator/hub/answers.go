package hub

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sibling describes a file as the hub does; size and hashes come with blobs=true.
type sibling struct {
	Name   string `json:"rfilename"`
	Size   int64  `json:"size,omitempty"`
	BlobID string `json:"blobId,omitempty"`
	LFS    *lfs   `json:"lfs,omitempty"`
}

// lfs is the part that large files have in addition.
type lfs struct {
	SHA256      string `json:"sha256"`
	Size        int64  `json:"size"`
	PointerSize int    `json:"pointerSize"`
}

// serveInfo answers /api/models/{id} and /api/models/{id}/revision/{rev}.
func (s *Server) serveInfo(w http.ResponseWriter, r *http.Request, id, revision string) {
	if revision == "" {
		revision = "main"
	}
	m, ok := s.find(w, r, id, revision)
	if !ok {
		return
	}
	var siblings []sibling
	for _, e := range m.files() {
		siblings = append(siblings, s.describe(m, e, r.URL.Query().Get("blobs") != ""))
	}
	var gated any = false
	if m.Gated {
		gated = "manual"
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"id": id, "modelId": id, "sha": m.commit(revision), "private": m.Private, "gated": gated,
		"tags": []string{"simulated"}, "siblings": siblings,
	})
}

// describe makes the entry of one file in the model's description.
func (s *Server) describe(m Model, e entry, blobs bool) sibling {
	d := sibling{Name: e.name}
	if !blobs {
		return d
	}
	d.Size, d.BlobID = e.data.Size(), s.etag(m, e)
	if e.large {
		// The blob of a large file is its pointer, a small text with this hash.
		d.LFS = &lfs{SHA256: d.BlobID, Size: d.Size, PointerSize: 134}
		d.BlobID = d.BlobID[:40]
	}
	return d
}

// serveFile answers /{id}/resolve/{rev}/{name}, by a redirect to the CDN for
// large files where there is one.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, id, revision, name string) {
	m, ok := s.find(w, r, id, revision)
	if !ok || !admit(w, r, m) {
		return
	}
	e, ok := m.file(name)
	if !ok {
		refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	commit := m.commit(revision)
	w.Header().Set("X-Repo-Commit", commit)
	etag := `"` + s.etag(m, e) + `"`
	if e.large {
		w.Header().Set("X-Linked-Etag", etag)
		w.Header().Set("X-Linked-Size", strconv.FormatInt(e.data.Size(), 10))
		if s.config.CDN != "" {
			location := s.config.CDN + "/cdn/" + id + "/" + commit + "/" + name + "?X-Amz-Signature=simulated"
			http.Redirect(w, r, location, http.StatusFound)
			return
		}
	}
	send(w, r, etag, e)
}

// serveCDN serves large files by signed URL. As the real one it takes one proof
// of identity, not two: a request that still carries the hub's token is refused.
func (s *Server) serveCDN(w http.ResponseWriter, r *http.Request, rest string) {
	if r.Header.Get("Authorization") != "" {
		http.Error(w, "Only one auth mechanism allowed", http.StatusBadRequest)
		return
	}
	parts := strings.Split(rest, "/") // id (one or two), commit, name
	if r.URL.Query().Get("X-Amz-Signature") == "" || len(parts) < 3 {
		http.Error(w, "AccessDenied", http.StatusForbidden)
		return
	}
	id, name := strings.Join(parts[:len(parts)-2], "/"), parts[len(parts)-1]
	m, ok := s.config.Lookup(id)
	m.id = id
	e, found := m.file(name)
	if !ok || !found {
		http.NotFound(w, r)
		return
	}
	send(w, r, `"`+s.etag(m, e)+`"`, e)
}

// send serves the content, or the range of it that is asked for.
func send(w http.ResponseWriter, r *http.Request, etag string, e entry) {
	w.Header().Set("ETag", etag)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, e.name, time.Time{}, io.NewSectionReader(e.data, 0, e.data.Size()))
}

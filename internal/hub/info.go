package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// file is one file of a repository, as the hub describes it and as a manifest
// keeps it.
type file struct {
	Name string `json:"name"` // slash-separated, below the snapshot folder
	Size int64  `json:"size"` // bytes; -1 = the hub did not say
	// Blob is the content's name below blobs/, which is the hub's etag: the
	// SHA-256 of a large file (LFS), the git blob SHA-1 of a small one. "" = the
	// hub did not say.
	Blob string `json:"blob"`
}

// info is what the hub says of one repository at one revision.
type info struct {
	commit string
	files  []file
}

// maxFile bounds the size of a file, so that sums of sizes cannot overflow.
const maxFile = 1 << 46 // 64 TiB

// errBadAnswer marks an answer that no hub should give; asking again is vain.
var errBadAnswer = errors.New("the hub's answer makes no sense")

// decodeInfo reads GET /api/models/{id}/revision/{rev}?blobs=true. Unknown
// fields pass, since hubs add some every year; a name that would leave the
// snapshot folder refuses the whole answer.
func decodeInfo(data []byte) (info, error) {
	var raw struct {
		SHA      string    `json:"sha"`
		Siblings []sibling `json:"siblings"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return info{}, fmt.Errorf("%w: %v", errBadAnswer, err)
	}
	if !isCommit(raw.SHA) {
		return info{}, fmt.Errorf("%w: commit %q", errBadAnswer, raw.SHA)
	}
	in := info{commit: raw.SHA}
	seen := make(map[string]bool, len(raw.Siblings))
	for _, s := range raw.Siblings {
		f, err := s.file()
		if err != nil {
			return info{}, err
		}
		if seen[f.Name] {
			return info{}, fmt.Errorf("%w: file %q is listed twice", errBadAnswer, f.Name)
		}
		seen[f.Name] = true
		in.files = append(in.files, f)
	}
	return in, nil
}

// sibling is the hub's description of a file. For a large file blobId is the
// hash of its LFS pointer, which nobody needs; its content is under lfs.
type sibling struct {
	Name   string `json:"rfilename"`
	Size   *int64 `json:"size"`
	BlobID string `json:"blobId"`
	LFS    *struct {
		SHA256 string `json:"sha256"`
		Size   *int64 `json:"size"`
	} `json:"lfs"`
}

// file checks the description. Mirrors may leave size and hash out.
func (s sibling) file() (file, error) {
	if !localName(s.Name) {
		return file{}, fmt.Errorf("%w: unsafe file name %q", errBadAnswer, s.Name)
	}
	f := file{Name: s.Name, Size: -1}
	size, blob := s.Size, s.BlobID
	if s.LFS != nil {
		size, blob = s.LFS.Size, s.LFS.SHA256
		if blob != "" && !isSHA256(blob) {
			return file{}, fmt.Errorf("%w: file %s has the SHA-256 %q", errBadAnswer, s.Name, blob)
		}
	}
	if size != nil {
		f.Size = *size
	}
	if f.Size < -1 || f.Size > maxFile {
		return file{}, fmt.Errorf("%w: file %s has %d bytes", errBadAnswer, s.Name, f.Size)
	}
	if blob != "" && !isBlob(blob) {
		return file{}, fmt.Errorf("%w: file %s has the etag %q", errBadAnswer, s.Name, blob)
	}
	f.Blob = strings.ToLower(blob)
	return f, nil
}

// known tells whether the description is enough to fetch and verify the file.
func (f file) known() bool { return f.Size >= 0 && f.Blob != "" }

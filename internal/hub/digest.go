package hub

import (
	"crypto/sha1" // git names its objects by SHA-1
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
)

// newDigest is the hash that a file's blob name is made with: SHA-256 of large
// files, git's SHA-1 of small ones ("blob", the length, a zero byte, the bytes).
// It is nil for an etag of another form, as some mirrors send: then the length
// is all that can be checked.
func newDigest(f file) hash.Hash {
	switch {
	case isSHA256(f.Blob):
		return sha256.New()
	case isCommit(f.Blob):
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", f.Size)
		return h
	}
	return nil
}

// verifies tells whether the digest is the one that the blob's name promises.
func verifies(h hash.Hash, f file) bool {
	return h == nil || hex.EncodeToString(h.Sum(nil)) == f.Blob
}

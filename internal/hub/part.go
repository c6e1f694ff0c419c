package hub

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"syscall"

	"github.com/aim-engine/aim/internal/filelock"
)

// A buffer is what is read, written and hashed at a time. It is large enough to
// make system calls cheap and small enough to stay in a core's cache between
// being received, written and hashed; a few of them let the network and the hash
// run at the same time.
const (
	bufferSize = 256 << 10
	buffers    = 4
	// flushEvery starts writing back to disk long before the kernel would, so
	// that the fsync at the end of a large file has little left to do.
	flushEvery = 8 << 20
)

// part is a blob on its way: blobs/<etag>.incomplete, of which the first have
// bytes are written and hashed.
type part struct {
	store   *store
	want    file
	f       *os.File
	digest  hash.Hash // of the first have bytes; nil when nothing can be checked
	have    int64
	flushed int64
}

// diskError marks a failure of the disk, which no other attempt at the network
// can mend.
type diskError struct{ error }

func (e diskError) Unwrap() error { return e.error }

// openPart opens the part and hashes what an earlier process has left in it. The
// part is written at offsets, never appended: where a file system's locks are
// idle, two processes at worst write the same bytes to the same place.
func (s *store) openPart(f file) (*part, error) {
	out, err := s.root.OpenFile(s.part(f.Blob), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, diskError{err}
	}
	p := &part{store: s, want: f, f: out, digest: newDigest(f)}
	if err := p.recall(); err != nil {
		p.f.Close()
		return nil, err
	}
	return p, nil
}

// recall brings the digest up to the bytes that are there.
func (p *part) recall() error {
	st, err := p.f.Stat()
	if err != nil {
		return diskError{err}
	}
	if st.Size() > p.want.Size {
		return p.reset()
	}
	if p.digest == nil {
		p.have = st.Size()
		return nil
	}
	p.have, err = io.CopyBuffer(p.digest, io.NewSectionReader(p.f, 0, st.Size()), make([]byte, bufferSize))
	if err != nil {
		return diskError{fmt.Errorf("read what has been fetched before: %w", err)}
	}
	return nil
}

// reset throws the content away.
func (p *part) reset() error {
	p.have, p.flushed, p.digest = 0, 0, newDigest(p.want)
	if err := p.f.Truncate(0); err != nil {
		return diskError{err}
	}
	return nil
}

// fill takes bytes from body until the part is full or body ends. A second
// goroutine hashes while this one reads and writes; when fill returns, everything
// that was written has been hashed.
func (p *part) fill(body io.Reader) error {
	free, full := make(chan []byte, buffers), make(chan []byte, buffers)
	for range buffers {
		free <- make([]byte, min(bufferSize, p.want.Size-p.have))
	}
	hashed := make(chan struct{})
	go func() {
		defer close(hashed)
		for b := range full {
			if p.digest != nil {
				p.digest.Write(b)
			}
			free <- b[:cap(b)]
		}
	}()
	err := p.pour(io.LimitReader(body, p.want.Size-p.have), free, full)
	close(full)
	<-hashed
	return err
}

// pour reads into free buffers, writes them to disk and hands them on.
func (p *part) pour(body io.Reader, free <-chan []byte, full chan<- []byte) error {
	for p.have < p.want.Size {
		b := <-free
		n, err := io.ReadFull(body, b)
		if n > 0 {
			if _, err := p.f.WriteAt(b[:n], p.have); err != nil {
				return diskError{err}
			}
			p.have += int64(n)
			full <- b[:n]
			p.flush()
		}
		if err != nil && p.have < p.want.Size {
			return err
		}
	}
	return nil
}

// flush asks the kernel to start writing back. That is a wish: file systems that
// do not know it do without.
func (p *part) flush() {
	if p.have-p.flushed < flushEvery {
		return
	}
	const start = 2 // SYNC_FILE_RANGE_WRITE: start writing, do not wait
	_ = syscall.SyncFileRange(int(p.f.Fd()), p.flushed, p.have-p.flushed, start)
	p.flushed = p.have
}

// verified tells whether the whole content is here and the right one.
func (p *part) verified() bool {
	return p.have == p.want.Size && verifies(p.digest, p.want)
}

// finish gives the blob its name. The content is on disk before the name is, so
// that a power cut cannot leave a complete-looking file of zeros; and the name
// before the manifest that counts on it.
func (p *part) finish() error {
	err := errors.Join(p.f.Sync(), p.f.Close())
	if err == nil {
		err = p.store.root.Rename(p.store.part(p.want.Blob), p.store.blob(p.want.Blob))
	}
	if err == nil {
		err = filelock.SyncFolderIn(p.store.root, path.Dir(p.store.blob(p.want.Blob)))
	}
	if err != nil {
		return diskError{err}
	}
	return nil
}

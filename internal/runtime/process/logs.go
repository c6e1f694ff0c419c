package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/pause"
)

// followPoll is how often a followed log is looked at for more.
const followPoll = 100 * time.Millisecond

// Logs reads a server's output, also after it has ended and after Remove. With
// Follow it goes on until the server ends or ctx does. No log is fs.ErrNotExist.
func (r *Runtime) Logs(ctx context.Context, id aim.Identity, opts aim.LogOptions) (io.ReadCloser, error) {
	f, s, err := r.see(id)
	if err != nil {
		return nil, err
	}
	// Without launch.json the folder is what Remove has left; with one of
	// another attempt the log is not this server's.
	if s.phase == absent && f.has(launchFile) {
		return nil, fmt.Errorf("log of server %s: %w", id.Server(), fs.ErrNotExist)
	}
	log, err := openLog(f.path(logFile), opts.Tail)
	if err != nil {
		return nil, fmt.Errorf("log of server %s: %w", id.Server(), err)
	}
	if opts.Follow {
		log.ctx, log.cancel = context.WithCancel(ctx)
		log.ended = func() bool {
			_, s, err := r.see(id)
			return err != nil || s.phase == ended || s.phase == absent
		}
	}
	return log, nil
}

// logReader reads a log file and jumps over the hole that trim has made.
type logReader struct {
	file   *os.File
	at     int64  // offset of the next byte to read
	note   []byte // to be read before the file goes on
	ctx    context.Context
	cancel context.CancelFunc
	ended  func() bool // nil: the log ends where the file does
}

// openLog opens the log at the start, or at its last lines when tail > 0.
func openLog(path string, tail int) (*logReader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	log := &logReader{file: file}
	if tail > 0 {
		if log.at, err = lastLinesAt(file, tail); err != nil {
			file.Close()
			return nil, err
		}
	}
	return log, nil
}

// Read reads what is there; a follower waits for more.
func (l *logReader) Read(p []byte) (int, error) {
	for {
		// Asked before reading: what a server wrote before it ended is then seen.
		last := l.ended == nil || l.ended()
		n, err := l.read(p)
		if n > 0 || (err != nil && !errors.Is(err, io.EOF)) {
			return n, err
		}
		if last {
			return 0, io.EOF
		}
		if err := pause.For(l.ctx, followPoll); err != nil {
			return 0, err
		}
	}
}

// read is one read of the note or of the file, up to a hole.
func (l *logReader) read(p []byte) (int, error) {
	if len(l.note) == 0 {
		if err := l.jump(); err != nil {
			return 0, err
		}
	}
	if len(l.note) > 0 {
		n := copy(p, l.note)
		l.note = l.note[n:]
		return n, nil
	}
	hole, err := l.file.Seek(l.at, unix.SEEK_HOLE)
	if err != nil {
		return 0, endOfFile(err)
	}
	n, err := l.file.ReadAt(p[:min(int64(len(p)), hole-l.at)], l.at)
	l.at += int64(n)
	if n > 0 {
		return n, nil // the end, if this was it, is found again
	}
	return 0, err
}

// jump moves over a hole, if one begins here, and says so in the text.
func (l *logReader) jump() error {
	data, err := l.file.Seek(l.at, unix.SEEK_DATA)
	if err != nil {
		return endOfFile(err)
	}
	if data > l.at {
		l.note = fmt.Appendf(nil, "\n[%d MiB of this log were dropped]\n", (data-l.at)>>20)
		l.at = data
	}
	return nil
}

// endOfFile translates the kernel's word for "nothing from here on".
func endOfFile(err error) error {
	if errors.Is(err, unix.ENXIO) {
		return io.EOF
	}
	return err
}

// Close ends the reading, also one that waits in Read.
func (l *logReader) Close() error {
	if l.cancel != nil {
		l.cancel()
	}
	return l.file.Close()
}

// lastLinesAt is the offset at which the last n lines begin.
func lastLinesAt(file *os.File, n int) (int64, error) {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	for at := end; at > 0; {
		chunk := buf[:min(at, int64(len(buf)))]
		at -= int64(len(chunk))
		if _, err := file.ReadAt(chunk, at); err != nil {
			return 0, err
		}
		for i := len(chunk) - 1; i >= 0; i-- {
			offset := at + int64(i)
			// The newline at the very end closes the last line, it opens none.
			if chunk[i] != '\n' || offset == end-1 {
				continue
			}
			if n--; n == 0 {
				return offset + 1, nil
			}
		}
	}
	return 0, nil
}

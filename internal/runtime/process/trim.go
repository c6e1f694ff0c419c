package process

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A log keeps its head, where the cause of a bad start stands, and its tail.
// A vLLM start prints well under 1 MiB; 32 MiB are some days of request lines.
const (
	logHead   = 4 << 20
	logTail   = 32 << 20
	logSlack  = 4 << 20 // beyond head and tail before anything is dropped
	trimEvery = 10 * time.Second
	blockSize = 64 << 10 // alignment of the hole; a multiple of all file systems' blocks
)

// keepTrimmed watches the size of the log until the returned function is
// called, which waits for the watch to end.
func (f folder) keepTrimmed() (stop func()) {
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(trimEvery)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			if err := trim(f.path(logFile), logHead, logTail, logSlack); err != nil {
				fmt.Fprintln(os.Stderr, "aim shim: the log is not kept short:", err)
				return
			}
		}
	})
	return func() { close(quit); done.Wait() }
}

// trim drops the middle of a log that takes more disk than head, tail and
// slack. The middle becomes a hole: the server goes on appending, readers keep
// their places, and nothing has to be copied. Rotation would need the server's
// help, or a pipe that breaks when the shim is killed.
func trim(path string, head, tail, slack int64) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return err
	}
	const sector = 512 // unit of st_blocks
	if stat.Blocks*sector <= head+tail+slack {
		return nil
	}
	from := (head + blockSize - 1) / blockSize * blockSize
	to := (stat.Size - tail) / blockSize * blockSize
	if to <= from {
		return nil
	}
	err = unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, to-from)
	if err != nil {
		return fmt.Errorf("punch a hole into %s: %w", path, err)
	}
	return nil
}

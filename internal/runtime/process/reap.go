package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// await reaps children until the one with this pid has ended. The others are
// orphans of the server that the shim has inherited.
func await(pid int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		got, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if got == pid {
			return status, nil
		}
	}
}

// sweepPoll is how often sweep looks for descendants that were not there yet.
const sweepPoll = 20 * time.Millisecond

// sweep kills all that the server has left behind and returns when it is gone,
// as the end of a container would. Workers that lose their server may well hold
// on to GPU memory for ever.
func sweep() error {
	for {
		gone, err := reapEnded()
		if err != nil || gone {
			return err
		}
		all, err := processes()
		if err != nil {
			return fmt.Errorf("list what the server has left behind: %w", err)
		}
		for _, pid := range below(os.Getpid(), all) {
			unix.Kill(pid, unix.SIGKILL)
		}
		time.Sleep(sweepPoll)
	}
}

// reapEnded reaps what has ended and tells whether no child is left. Descendants
// without a living parent become children of the shim, so none is missed.
func reapEnded() (none bool, err error) {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return true, nil
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return false, err
		case pid == 0:
			return false, nil
		}
	}
}

// below lists the descendants of a process.
func below(root int, all []procStat) []int {
	children := map[int][]int{}
	for _, p := range all {
		children[p.PPID] = append(children[p.PPID], p.PID)
	}
	found := append([]int{}, children[root]...)
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found
}

// oomKills is how often this machine's kernel has killed a process for want of
// memory; 0 when it does not tell.
func oomKills() uint64 {
	stat, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	return countOOM(stat)
}

func countOOM(vmstat []byte) uint64 {
	for line := range bytes.Lines(vmstat) {
		if value, ok := strings.CutPrefix(string(line), "oom_kill "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}

package process

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
)

// account is who a server runs as.
type account struct {
	UID    int   `json:"uid"`
	GID    int   `json:"gid"`
	Groups []int `json:"groups,omitempty"` // those that own its GPUs' device files
}

// accountOf reads the setting: a name of this machine, uid or uid:gid. It is nil
// where servers run as the agent does: because that is asked for ("root"), or
// because the agent is not root and cannot run them as anybody else.
func accountOf(setting string) (*account, error) {
	if me := os.Geteuid(); me != 0 {
		if setting != "" && setting != strconv.Itoa(me) && !isNameOf(setting, me) {
			return nil, fmt.Errorf("only an agent of root can run servers as user %q", setting)
		}
		return nil, nil
	}
	text := cmp.Or(setting, container.StrictUser)
	if u, err := user.Lookup(text); err == nil {
		text = u.Uid + ":" + u.Gid
	}
	first, second, _ := strings.Cut(text, ":")
	uid, err := strconv.ParseUint(first, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("servers cannot run as user %q, which this machine does not know; write another name, or uid:gid", setting)
	}
	gid, err := strconv.ParseUint(cmp.Or(second, first), 10, 31)
	if err != nil {
		return nil, fmt.Errorf("servers cannot run with group %q; write uid:gid in numbers", second)
	}
	if uid == 0 {
		return nil, nil
	}
	return &account{UID: int(uid), GID: int(gid)}, nil
}

func isNameOf(name string, uid int) bool {
	u, err := user.LookupId(strconv.Itoa(uid))
	return err == nil && u.Username == name
}

// Rights, as the last digit of a mode has them.
const (
	mayEnter = 1
	mayRead  = 4
)

// mayRun tells whether the plan's user can run its program and read its folders;
// otherwise a Failure of class runtime says what is in the way. The server would
// say it in its own words, minutes later.
func (p plan) mayRun() error {
	needs := map[string]uint32{}
	if program, err := exec.LookPath(p.Argv[0]); err == nil { // else spawn says so
		needs[program] = mayEnter
	}
	for _, m := range p.Launch.Mounts {
		needs[m.Source] = mayRead
	}
	for path, right := range needs {
		if closed := p.Account.closed(path, right); closed != "" {
			return aim.Failf(aim.ClassRuntime, "servers run as user %d here, who may not open %s: %s is closed to others", p.Account.UID, path, closed).
				WithHint("move it to where others may read (node.cache, node.weight_roots), open it (chmod o+rx %s), or choose another user by node.server_user", closed)
		}
	}
	return nil
}

// closed is the part of a path that keeps the user from it, "" for none. What
// does not exist is not looked at.
func (a *account) closed(path string, right uint32) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	for at := real; ; at = filepath.Dir(at) {
		var st unix.Stat_t
		if err := unix.Stat(at, &st); err != nil {
			return ""
		}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			right |= mayEnter
		}
		rights := st.Mode
		switch {
		case int(st.Uid) == a.UID:
			rights >>= 6
		case int(st.Gid) == a.GID || slices.Contains(a.Groups, int(st.Gid)):
			rights >>= 3
		}
		if rights&right != right {
			return at
		}
		if at == "/" {
			return ""
		}
		right = mayEnter
	}
}

// homePattern begins the names of servers' homes below the folder for temporary
// files: below the agent's own folder they could not be reached.
const homePattern = "aim-home-"

// makeHome gives a server that is not of the agent's user a folder of its own.
func (p *plan) makeHome() error {
	if p.Account == nil {
		return nil
	}
	home, err := os.MkdirTemp("", homePattern)
	if err != nil {
		return err
	}
	p.Home = home
	return os.Chown(home, p.Account.UID, p.Account.GID)
}

func (p plan) removeHome() error {
	if !strings.HasPrefix(filepath.Base(p.Home), homePattern) {
		return nil
	}
	return os.RemoveAll(p.Home)
}

// become makes this process what the server may be: the plan's user, who can
// gain no rights again, without the agent's protection from the kernel when
// memory runs out. The caller becomes the server right after; the last step is
// of this thread, which stays the one.
func (p plan) become() error {
	runtime.LockOSThread()
	if err := unprotect(); err != nil {
		return fmt.Errorf("give up the protection of the agent: %w", err)
	}
	if p.Home != "" {
		if err := os.Chdir(p.Home); err != nil {
			return err
		}
	}
	if a := p.Account; a != nil {
		if err := syscall.Setgroups(a.Groups); err != nil {
			return fmt.Errorf("give up groups: %w", err)
		}
		if err := syscall.Setgid(a.GID); err != nil {
			return fmt.Errorf("become group %d: %w", a.GID, err)
		}
		if err := syscall.Setuid(a.UID); err != nil {
			return fmt.Errorf("become user %d: %w", a.UID, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	return nil
}

// unprotect takes back what a service manager gave the agent (OOMScoreAdjust):
// it should outlive a server that eats all memory.
func unprotect() error {
	const file = "/proc/self/oom_score_adj"
	text, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(text), "-") {
		return nil // there is no such thing here, or nothing to take back
	}
	return os.WriteFile(file, []byte("0"), 0)
}

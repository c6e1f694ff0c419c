package simulator

import "testing"

const someLocks = `1: POSIX  ADVISORY  WRITE 811 00:19:1310 0 EOF
2: FLOCK  ADVISORY  WRITE 41873 08:01:1310755 0 EOF
2: -> FLOCK  ADVISORY  WRITE 41900 08:01:1310755 0 EOF
3: FLOCK  ADVISORY  READ 77 08:01:42 0 EOF
4: FLOCK  ADVISORY  WRITE 0 08:01:43 0 EOF
5: FLOCK  ADVISORY  WRITE 99 00:2e:44 0 EOF
`

func TestFindLockOwner(t *testing.T) {
	for _, c := range []struct {
		what  string
		inode uint64
		want  int
	}{
		{"a holder, and one who waits", 1310755, 41873},
		{"another kind of lock", 1310, 0},
		{"a shared lock", 42, 0},
		{"an owner who is not visible here", 43, 0},
		{"any device", 44, 99},
		{"nobody", 755, 0},
	} {
		if got := findLockOwner(someLocks, c.inode); got != c.want {
			t.Errorf("%s: pid %d, want %d", c.what, got, c.want)
		}
	}
}

func FuzzFindLockOwner(f *testing.F) {
	f.Add(someLocks, uint64(44))
	f.Add("FLOCK", uint64(0))
	f.Fuzz(func(t *testing.T, locks string, inode uint64) {
		if pid := findLockOwner(locks, inode); pid < 0 {
			t.Errorf("pid %d", pid)
		}
	})
}

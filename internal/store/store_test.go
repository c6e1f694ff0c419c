package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/limit"
)

// each runs a test against both databases; PostgreSQL where its programs are, or
// always where AIM_REQUIRE_POSTGRES says that they must be.
func each(t *testing.T, f func(t *testing.T, open func() Store)) {
	opener := func(t *testing.T, address string) func() Store {
		return func() Store {
			t.Helper()
			s, err := Open(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		f(t, opener(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db")))
	})
	t.Run("postgres", func(t *testing.T) { f(t, opener(t, freshDatabase(t))) })
}

var postgres struct {
	once sync.Once
	url  string // of the server, "" where there is none
	why  string
	stop func()
	made int
	mu   sync.Mutex
}

func TestMain(m *testing.M) {
	code := m.Run()
	if postgres.stop != nil {
		postgres.stop()
	}
	os.Exit(code)
}

// freshDatabase is an empty database of a server of the tests' own.
func freshDatabase(t *testing.T) string {
	t.Helper()
	postgres.once.Do(startPostgres)
	if postgres.url == "" {
		if os.Getenv("AIM_REQUIRE_POSTGRES") != "" {
			t.Fatal(postgres.why)
		}
		t.Skip(postgres.why)
	}
	postgres.mu.Lock()
	postgres.made++
	name := fmt.Sprint("t", postgres.made)
	postgres.mu.Unlock()
	db, err := sql.Open("pgx", postgres.url+"/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return postgres.url + "/" + name + "?sslmode=disable"
}

func TestEntriesAreKeptAndEveryChangeHasItsRevisionAndItsLine(t *testing.T) {
	each(t, func(t *testing.T, open func() Store) {
		s, ctx := open(), t.Context()
		type value struct{ N int }
		first, err := s.Create(ctx, "alice", Keys, "a", value{1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(ctx, "alice", Keys, "a", value{2}); !errors.Is(err, ErrExists) {
			t.Errorf("a second of that name: %v", err)
		}
		second, err := s.Put(ctx, "bob", Keys, "a", value{3})
		if err != nil || second <= first {
			t.Errorf("revision %d after %d: %v", second, first, err)
		}
		if _, err := s.Put(ctx, "bob", Aliases, "a", value{4}); err != nil {
			t.Fatal(err)
		}
		e, err := s.Get(ctx, Keys, "a")
		if err != nil || string(e.Value) != `{"N":3}` || e.Revision != second {
			t.Errorf("%+v %v", e, err)
		}
		if _, err := s.Delete(ctx, "bob", Keys, "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Delete(ctx, "bob", Keys, "a"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a second time: %v", err)
		}
		if _, err := s.Get(ctx, Keys, "a"); !errors.Is(err, ErrNotFound) {
			t.Errorf("after that: %v", err)
		}
		if all, err := s.List(ctx, Aliases); err != nil || len(all) != 1 {
			t.Errorf("%v %v", all, err)
		}
		audit, err := s.Audit(ctx, 0, 100)
		var said []string
		for _, e := range audit {
			said = append(said, e.By+" "+e.What)
		}
		if got := strings.Join(said, "; "); err != nil || got != "alice create key a; bob set key a; bob set alias a; bob delete key a" {
			t.Errorf("%s %v", got, err)
		}
	})
}

func TestTheAuditLogCannotBeChangedUnseen(t *testing.T) {
	for name, harm := range map[string]string{
		"changed": `UPDATE audit SET what = 'nothing' WHERE number = 3`,
		"removed": `DELETE FROM audit WHERE number = 3`,
		"moved":   `UPDATE audit SET at = at + 1 WHERE number = 5`,
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, open func() Store) {
				s := open()
				for i := range 5 {
					if err := s.Note(t.Context(), "alice", fmt.Sprint("thing ", i)); err != nil {
						t.Fatal(err)
					}
				}
				if n, err := VerifyAudit(t.Context(), s); n != 5 || err != nil {
					t.Fatalf("%d entries hold: %v", n, err)
				}
				if _, err := s.(*database).db.ExecContext(t.Context(), harm); err != nil {
					t.Fatal(err)
				}
				if n, err := VerifyAudit(t.Context(), s); err == nil || n > 4 {
					t.Errorf("%d entries hold, and nothing is seen", n)
				}
			})
		})
	}
}

func TestManyWritersMakeOneOrder(t *testing.T) {
	each(t, func(t *testing.T, open func() Store) {
		s := open()
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for j := range 10 {
					if _, err := s.Put(context.Background(), "w", Keys, fmt.Sprint(i, j), i); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		if r, err := s.Revision(t.Context()); r != 80 || err != nil {
			t.Errorf("revision %d: %v", r, err)
		}
		if n, err := VerifyAudit(t.Context(), s); n != 80 || err != nil {
			t.Errorf("%d entries hold: %v", n, err)
		}
	})
}

func TestUsageIsCountedOnce(t *testing.T) {
	each(t, func(t *testing.T, open func() Store) {
		s, day := open(), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
		batch := []Usage{
			{ID: "1", At: day, Key: "a", Deployment: "m", Prompt: 10, Completion: 1},
			{ID: "2", At: day.Add(25 * time.Hour), Key: "b", Deployment: "m", Prompt: 5, Cached: 2, Completion: 2, Interrupted: true},
		}
		for range 3 { // shipped again after a crash
			if err := s.AddUsage(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		sums, err := s.SumUsage(t.Context(), ByModel, day, day.Add(72*time.Hour))
		if err != nil || len(sums) != 1 || sums[0] != (UsageSum{"m", 2, 15, 2, 3, 1}) {
			t.Errorf("%+v %v", sums, err)
		}
		sums, err = s.SumUsage(t.Context(), ByDay, day, day.Add(72*time.Hour))
		if err != nil || len(sums) != 2 || sums[1].Group != "2026-01-03" {
			t.Errorf("%+v %v", sums, err)
		}
		if sums, err := s.SumUsage(t.Context(), ByKey, day, day.Add(time.Hour)); err != nil || len(sums) != 1 || sums[0].Group != "a" {
			t.Errorf("%+v %v", sums, err)
		}
		if _, err := s.SumUsage(t.Context(), "owner; DROP TABLE usage", day, day); err == nil {
			t.Error("anything is a grouping")
		}
	})
}

// A store gives out budgets as the one in memory does.
func TestBudgetsAreThoseOfLimit(t *testing.T) {
	each(t, func(t *testing.T, open func() Store) {
		s := open()
		now := time.Now()
		memory := limit.NewCentral(func() time.Time { return now })
		window := now.Truncate(time.Minute)
		for i, d := range []limit.Draw{
			{Key: "k", Kind: limit.Tokens, Window: window, Limit: 100, Want: 60, AtLeast: 10, Holder: "a"},
			{Key: "k", Kind: limit.Tokens, Window: window, Limit: 100, Want: 60, AtLeast: 50, Holder: "b"},
			{Key: "k", Kind: limit.Tokens, Window: window, Limit: 100, Want: 60, AtLeast: 10, Holder: "b"},
			{Key: "k", Kind: limit.Tokens, Window: window, Limit: 100, Want: -30, Holder: "a"},
			{Key: "k", Kind: limit.Tokens, Window: window, Limit: 100, Want: 200, Force: true, Holder: "a"},
			{Key: "k", Kind: limit.Tokens, Window: window.Add(time.Minute), Limit: 100, Want: 1, Holder: "a"},
			{Key: "k", Kind: limit.Concurrency, Limit: 3, Want: 2, AtLeast: 1, Holder: "a"},
			{Key: "k", Kind: limit.Concurrency, Limit: 3, Want: 2, AtLeast: 1, Holder: "b"},
			{Key: "k", Kind: limit.Concurrency, Limit: 3, Want: -2, Holder: "a"},
			{Key: "k", Kind: limit.Concurrency, Limit: 3, Want: 2, AtLeast: 1, Holder: "b"},
		} {
			got, err := s.Draw(t.Context(), d)
			want, _ := memory.Draw(t.Context(), d)
			if err != nil || got != want {
				t.Errorf("draw %d: %+v %v, want %+v", i, got, err, want)
			}
		}
	})
}

func TestOneProcessHasAFile(t *testing.T) {
	address := "sqlite:" + filepath.Join(t.TempDir(), "store.db")
	s, err := Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), address); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "control.store") {
		t.Errorf("a second time: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if _, err := Open(t.Context(), "mysql://u:secret@h/d"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("another database: %v", err)
	}
}

func startPostgres() {
	postgres.why = "no PostgreSQL server programs here; install the package postgresql"
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "aim-postgres-")
	if err != nil {
		postgres.why = err.Error()
		return
	}
	as := func(name string, args ...string) *exec.Cmd {
		all := append([]string{filepath.Join(bin, name)}, args...)
		if os.Getuid() == 0 { // PostgreSQL refuses to run as root
			all = append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"}, all...)
		}
		cmd := exec.Command(all[0], all[1:]...)
		cmd.Dir = "/"
		return cmd
	}
	if os.Getuid() == 0 {
		if out, err := exec.Command("chown", "postgres:", dir).CombinedOutput(); err != nil {
			postgres.why = string(out)
			return
		}
	}
	data := filepath.Join(dir, "data")
	if out, err := as("initdb", "-D", data, "-U", "aim", "-A", "trust", "--no-sync").CombinedOutput(); err != nil {
		postgres.why = fmt.Sprintf("initdb: %v: %s", err, out)
		return
	}
	// A socket in the folder and no port: nothing to clash with.
	out, err := as("pg_ctl", "-D", data, "-w", "-l", filepath.Join(dir, "log"), "-o", "-c listen_addresses= -c fsync=off -k "+dir, "start").CombinedOutput()
	if err != nil {
		postgres.why = fmt.Sprintf("pg_ctl: %v: %s", err, out)
		return
	}
	postgres.url = "postgres://aim@" + strings.ReplaceAll(dir, "/", "%2F")
	postgres.stop = func() {
		_ = as("pg_ctl", "-D", data, "-m", "immediate", "stop").Run()
		_ = os.RemoveAll(dir)
	}
}

package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

// written returns a directory whose ledger holds one claim and a cordon.
func written(t *testing.T) (dir string, claim aim.Claim) {
	t.Helper()
	dir = t.TempDir()
	l := open(t, dir)
	claim = mustClaim(t, l, claimOf("a", "t1", 8001, "GPU-0", "GPU-1"))
	if err := l.SetState(aim.NodeState{Cordon: "upgrade"}); err != nil {
		t.Fatal(err)
	}
	l.Close()
	return dir, claim
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeAll(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestATruncatedFileIsNeverSilentlyEmpty(t *testing.T) {
	dir, claim := written(t)
	path := filepath.Join(dir, claimsFile)
	whole := readAll(t, path)
	for n := range whole {
		writeAll(t, path, whole[:n])
		l, err := Open(dir, boot)
		if l == nil {
			t.Fatalf("cut at %d: no ledger: %v", n, err)
		}
		if n == len(whole)-1 { // only the final newline is missing
			if err != nil || len(l.Claims()) != 1 {
				t.Errorf("cut at %d: %v with %d claims", n, err, len(l.Claims()))
			}
		} else if !errors.Is(err, ErrDamaged) || len(l.Claims()) != 0 {
			t.Errorf("cut at %d: error %v, %d claims; want ErrDamaged and none", n, err, len(l.Claims()))
		}
		l.Close()
	}
	writeAll(t, path, whole)
	if got := open(t, dir).Claims(); !reflect.DeepEqual(got, []aim.Claim{claim}) {
		t.Errorf("whole file again: %+v", got)
	}
}

func TestAFlippedBitIsFound(t *testing.T) {
	dir, _ := written(t)
	path := filepath.Join(dir, claimsFile)
	whole := readAll(t, path)
	at := strings.Index(string(whole), `8001`)
	whole[at+3] ^= 2 // 8001 -> 8003: still good JSON
	writeAll(t, path, whole)
	l, err := Open(dir, boot)
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "checksum") {
		t.Fatalf("error = %v, want ErrDamaged by checksum", err)
	}
	l.Close()
}

func TestDamageIsKeptAsideAndRememberedUntilReconciled(t *testing.T) {
	dir, claim := written(t)
	path := filepath.Join(dir, claimsFile)
	for n, bad := range []string{"not a ledger", ""} {
		writeAll(t, path, []byte(bad))
		l, err := Open(dir, boot)
		kept := path + ".bad-" + string(rune('1'+n))
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), kept) {
			t.Fatalf("error = %v, want ErrDamaged naming %s", err, kept)
		}
		if got := string(readAll(t, kept)); got != bad {
			t.Errorf("%s holds %q, want %q", kept, got, bad)
		}
		if l.State().Cordon != "upgrade" {
			t.Error("the state was lost with the claims")
		}
		l.Close() // the agent dies before it has reconciled
	}

	l, err := Open(dir, boot)
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("after a crash in between: error = %v, want ErrDamaged again", err)
	}
	mustClaim(t, l, claim)
	if err := l.Reconciled(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if got := open(t, dir).Claims(); !reflect.DeepEqual(got, []aim.Claim{claim}) {
		t.Errorf("claims after reconciling = %+v, want %+v", got, claim)
	}
}

func TestDamagedStateIsReported(t *testing.T) {
	dir, claim := written(t)
	writeAll(t, filepath.Join(dir, stateFile), []byte("{"))
	l, err := Open(dir, boot)
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "quarantine") {
		t.Fatalf("error = %v, want ErrDamaged that says what is lost", err)
	}
	if got := l.Claims(); !reflect.DeepEqual(got, []aim.Claim{claim}) {
		t.Errorf("claims = %+v, want them untouched", got)
	}
	if err := l.Reconciled(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	open(t, dir)
}

func TestAMissingClaimsFileIsDamage(t *testing.T) {
	dir, _ := written(t)
	if err := os.Remove(filepath.Join(dir, claimsFile)); err != nil {
		t.Fatal(err)
	}
	l, err := Open(dir, boot)
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("error = %v, want ErrDamaged", err)
	}
	l.Close()
}

func TestANewerFileIsRefused(t *testing.T) {
	for _, name := range []string{claimsFile, stateFile} {
		dir, _ := written(t)
		path := filepath.Join(dir, name)
		newer := []byte(`{"version":3,"crc32c":7,"entries":[]}`)
		writeAll(t, path, newer)
		l, err := Open(dir, boot)
		if l != nil || !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), path) {
			t.Fatalf("%s: error = %v, want ErrNewer naming the file and no ledger", name, err)
		}
		if got := readAll(t, path); string(got) != string(newer) {
			t.Errorf("%s was changed to %s", name, got)
		}
	}
}

func TestTwoHoldersInAFileAreDamage(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).Close()
	twice := []record{
		{Claim: claimOf("a", "t1", 8001, "GPU-0")},
		{Claim: claimOf("b", "t2", 8002, "GPU-0")},
	}
	data, err := encode(claimsBody{Claims: twice})
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, filepath.Join(dir, claimsFile), data)
	l, err := Open(dir, boot)
	if !errors.Is(err, ErrDamaged) || len(l.Claims()) != 0 {
		t.Fatalf("error = %v, want ErrDamaged: a GPU has one holder", err)
	}
	l.Close()
}

func TestAPrettyPrintedFileIsStillGood(t *testing.T) {
	dir, claim := written(t)
	path := filepath.Join(dir, claimsFile)
	var v any
	if err := json.Unmarshal(readAll(t, path), &v); err != nil {
		t.Fatal(err)
	}
	var e envelope
	if err := json.Unmarshal(readAll(t, path), &e); err != nil {
		t.Fatal(err)
	}
	pretty, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, path, pretty)
	if got := open(t, dir).Claims(); !reflect.DeepEqual(got, []aim.Claim{claim}) {
		t.Errorf("claims = %+v", got)
	}
}

// FuzzDecodeClaims feeds the body past the checksum: whatever a file says, no
// GPU comes out with two holders, unless they share it and have room.
func FuzzDecodeClaims(f *testing.F) {
	f.Add([]byte(`{"claims":[{"deployment":"a","uid":"u","ordinal":0,"attempt":1,"token":"t","gpus":["GPU-0"],"port":8001,"boot_id":"b"}]}`))
	f.Add([]byte(`{"claims":null}`))
	f.Add([]byte(`{"claims":[{"uid":"u","token":"t","gpus":["a"]},{"uid":"v","token":"t","gpus":["a"]}]}`))
	f.Add([]byte(`{"claims":[{"uid":"u","token":"t","gpus":["a"],"share_bytes":9223372036854775809,"of_bytes":18446744073709551615},` +
		`{"uid":"v","token":"t","gpus":["a"],"share_bytes":9223372036854775808,"of_bytes":18446744073709551615}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		data, err := json.Marshal(envelope{Version: newest, Sum: checksum(body), Body: body})
		if err != nil {
			data = body // not JSON at all: as the whole file
		}
		got, err := decodeClaims(data)
		if err != nil {
			return
		}
		var claims []aim.Claim
		for _, r := range got.Claims {
			claims = append(claims, r.Claim)
		}
		if why := givenTwice(claims); why != "" {
			t.Fatalf("%s in %s", why, data)
		}
	})
}

// givenTwice finds a GPU with two holders, one of which has all of it, or whose
// shares are more than any of its holders was told; "" when there is none.
func givenTwice(claims []aim.Claim) string {
	for _, c := range claims {
		for _, gpu := range c.GPUs {
			left, holders := c.OfBytes, 0
			for _, o := range claims {
				if !o.Holds(gpu) {
					continue
				}
				if holders++; o.ShareBytes == 0 && holders > 1 || c.ShareBytes == 0 && holders > 1 {
					return fmt.Sprintf("GPU %q has two holders", gpu)
				}
				if o.ShareBytes > left {
					return fmt.Sprintf("the shares of GPU %q are more than its %d bytes", gpu, c.OfBytes)
				}
				left -= o.ShareBytes
			}
		}
	}
	return ""
}

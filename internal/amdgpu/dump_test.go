package amdgpu

import (
	"archive/tar"
	"bytes"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

// TestDump asserts that the dump of every tree, unpacked, gives the answer of
// the tree.
func TestDump(t *testing.T) {
	for name, want := range loadExpected(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := loadTree(t, strings.TrimSuffix(want.File, ".tar.gz"))
			reader := New("", WithFS(tree))
			var dump bytes.Buffer
			if err := reader.Dump(t.Context(), &dump, true); err != nil {
				t.Fatal(err)
			}
			got, err := New(unpack(t, &dump)).Detect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if want := detect(t, tree); !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, want)
			}
		})
	}
}

// TestDumpHidesSerials asserts that no hardware id of the machine is in a dump,
// that all else is the same, and that two dumps are the same bytes.
func TestDumpHidesSerials(t *testing.T) {
	tree := loadTree(t, "mi300x-8x-spx-degraded")
	tree.files["proc/41873/comm"] = "secret-name\n"
	reader := New("", WithFS(tree))
	var dump, again bytes.Buffer
	for _, w := range []*bytes.Buffer{&dump, &again} {
		if err := reader.Dump(t.Context(), w, false); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(dump.Bytes(), again.Bytes()) {
		t.Error("two dumps differ")
	}
	root := unpack(t, &dump)
	var text strings.Builder
	eachEntry(t, &again, func(h *tar.Header, content string) { text.WriteString(h.Name + "\n" + content) })
	want := detect(t, tree)
	got, err := New(root).Detect(t.Context())
	if err != nil || len(got.GPUs) != len(want.GPUs) {
		t.Fatalf("%d GPUs, %v", len(got.GPUs), err)
	}
	for i, w := range want.GPUs {
		g := got.GPUs[i]
		n, _ := hexadecimal([]byte(strings.TrimPrefix(w.UUID, "GPU-")))
		hive, _ := hexadecimal([]byte(w.Hive))
		for _, secret := range []string{w.UUID[4:], strconv.FormatUint(n, 10), strconv.FormatUint(hive, 10), "secret-name"} {
			if strings.Contains(text.String(), secret) {
				t.Errorf("%s is in the dump", secret)
			}
		}
		if g.UUID == w.UUID || g.UUID != "GPU-"+hex16(pseudonym(n)) {
			t.Errorf("%s has become %s", w.UUID, g.UUID)
		}
		if !reflect.DeepEqual(withoutIDs(g), withoutIDs(w)) {
			t.Errorf("got\n%+v\nwant\n%+v", withoutIDs(g), withoutIDs(w))
		}
	}
}

// withoutIDs clears what a pseudonym changes.
func withoutIDs(g aim.GPU) aim.GPU {
	g.ID, g.UUID, g.Hive = "", "", ""
	g.Peers = slices.Clone(g.Peers)
	for i := range g.Peers {
		g.Peers[i].ID = ""
	}
	if g.Busy != nil {
		g.Busy = &aim.Busy{Who: strings.TrimSuffix(g.Busy.Who, " (secret-name)"), Bytes: g.Busy.Bytes}
	}
	return g
}

// TestFiles asserts that the list holds files below sys/ alone, and what Detect
// needs.
func TestFiles(t *testing.T) {
	tree := loadTree(t, "mi300x-8x-spx")
	names, err := New("", WithFS(tree)).Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "sys/") {
			t.Errorf("%s is not below sys/", name)
		}
	}
	for _, want := range []string{nodePath(2) + "/properties", topologyDir + "/generation_id", busDir + "/0000:05:00.0"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "caches") || strings.Contains(n, "renderD129") }) {
		t.Error("the list holds files that are not read")
	}
}

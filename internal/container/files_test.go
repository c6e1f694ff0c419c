package container_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
)

func TestPathsAreFoundInEveryFormThatOptionsHave(t *testing.T) {
	for argument, want := range map[string][]string{
		"/etc/shadow":                           {"/etc/shadow"},
		"--chat-template=/etc/shadow":           {"/etc/shadow"},
		"sql=/etc":                              {"/etc"},
		"a=/x,b=/y/z":                           {"/x", "/y/z"},
		`{"model":"/etc","n":1}`:                {"/etc"},
		`{"a":[{"path":"\/etc\/shadow"}]}`:      {"/etc/shadow"},
		`{"\u002fetc":1}`:                       {"/etc"},
		"file:///etc/x":                         {"///etc/x"},
		"@/etc/x":                               {"/etc/x"},
		"../../etc":                             {"../../etc"},
		"a/../../etc/shadow":                    {"a/../../etc/shadow"},
		"./x":                                   {"./x"},
		"~root/.ssh/id":                         {"~root/.ssh/id"},
		"/":                                     {"/"},
		"..":                                    {".."},
		"two words /etc":                        {"/etc"},
		"Qwen/Qwen3-32B":                        nil,
		"org/name:tag":                          nil,
		"0.92":                                  nil,
		"--port":                                nil,
		"</think>":                              nil,
		"https://example.com/a/b":               nil,
		"{{ a / b }}":                           nil,
		`{"rope_type":"yarn","factor":4.0}`:     nil,
		`{"method":"eagle","model":"org/head"}`: nil,
		"a..b":                                  nil,
	} {
		if got := container.Paths(argument); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", argument, got, want)
		}
	}
}

// Weights are a folder with a template and a link that leaves it.
func weights(t *testing.T) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range []error{
		os.MkdirAll(filepath.Join(root, "m", "lora"), 0o755),
		os.WriteFile(filepath.Join(root, "m", "chat.jinja"), nil, 0o644),
		os.Symlink("chat.jinja", filepath.Join(root, "m", "link.jinja")),
		os.Symlink("/etc", filepath.Join(root, "m", "out")),
	} {
		if do != nil {
			t.Fatal(do)
		}
	}
	return root
}

func TestFilesOfOptionsAreSharedWithTheServer(t *testing.T) {
	root := weights(t)
	opts := []aim.Option{
		{Name: "chat-template", Value: root + "/m/link.jinja"},
		{Name: "lora-modules", Value: "sql=" + root + "/m/lora"},
		{Name: "tool-parser", Value: "hermes"},
		{Name: "other", Value: "/opt/in/the/image.jinja"},
	}
	shared, mounts, err := container.Share(opts, []string{root})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := shared[0].Value, root+"/m/chat.jinja"; got != want {
		t.Errorf("a link is given as %s, want what it leads to: %s", got, want)
	}
	want := []aim.Mount{{Source: root + "/m/chat.jinja", Target: root + "/m/chat.jinja", ReadOnly: true}, {Source: root + "/m/lora", Target: root + "/m/lora", ReadOnly: true}}
	if !slices.Equal(mounts, want) {
		t.Errorf("mounts %v, want %v", mounts, want)
	}
	if opts[0].Value != root+"/m/link.jinja" || shared[3].Value != "/opt/in/the/image.jinja" {
		t.Errorf("options %v became %v", opts, shared)
	}
	for _, bad := range []string{root + "/m/out/shadow", root + "/m/out", root + "/not/there", root + "/m/../../etc/../" + root[1:] + "/m/out"} {
		if _, mounts, err := container.Share([]aim.Option{{Name: "tokenizer", Value: bad}}, []string{root}); err == nil && len(mounts) > 0 {
			t.Errorf("%s is shared: %v", bad, mounts)
		}
	}
}

func TestServersWithoutAContainerOpenNothingElse(t *testing.T) {
	root := weights(t)
	launch := func(args ...string) aim.Launch {
		return aim.Launch{Args: args, Mounts: []aim.Mount{{Source: root + "/m", Target: root + "/m"}}}
	}
	for _, good := range [][]string{
		{root + "/m", "--port", "8000"}, {"--chat-template", root + "/m/chat.jinja"}, {"--lora-modules", "a=" + root + "/m/lora"},
		{"Qwen/Qwen3-32B", "--served-model-name", "chat/x"},
	} {
		if err := container.CheckFiles(launch(good...)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"/etc/shadow", "/etc", "--chat-template=/etc/shadow", "sql=/etc", `{"model":"\/etc"}`, "../../../etc/passwd", "~/.ssh/id_rsa", "file:///etc/shadow",
		root, root + "/m/../x", root + "/mm", "/",
	} {
		err := container.CheckFiles(launch("--x", bad))
		if fail := aim.FailureOf(err); fail == nil || fail.Class != aim.ClassInput || fail.Hint == "" {
			t.Errorf("%s passes: %v", bad, err)
		}
	}
}

func FuzzPaths(f *testing.F) {
	f.Add("a=/etc,b")
	f.Add(`{"x":["\/etc"]}`)
	f.Fuzz(func(t *testing.T, argument string) {
		container.Paths(argument)
		// However it is dressed, a path after these signs is seen.
		for _, before := range []string{"", "=", ",", ":", " ", `"`, "'", "[", "(", "{", "@", "|", ";"} {
			if len(container.Paths(before+"/etc/shadow")) == 0 {
				t.Fatalf("not seen after %q", before)
			}
		}
	})
}

package aim_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/aim-engine/aim"

// rooms is the table of DESIGN.md, section 3: who may import what besides the
// standard library and its own room; in internal/, where rooms hold things that
// must not know each other, besides packages below itself. A package belongs to
// the room with the longest path above it. "./x" is a package of this module,
// "x/..." is x and all below it, "..." is anything.
var rooms = map[string][]string{
	".":                            {},
	"recipes":                      {".", "gopkg.in/yaml.v3"},
	"recipes/options":              {"."},
	"scheduler":                    {"."},
	"scheduler/internal/fleettest": {".", "pgregory.net/rapid"},
	"workflows":                    {".", "./activities", "go.temporal.io/sdk/workflow", "go.temporal.io/sdk/temporal"},
	"activities":                   {".", "go.temporal.io/sdk/temporal"},
	"activities/activitytest":      {".", "go.temporal.io/sdk/..."}, // for tests
	"activities/control": {".", "./activities", "./workflows", "./recipes", "./recipes/options", "./scheduler/...", "./internal/heartbeat", "./internal/access",
		"go.temporal.io/sdk/activity", "go.temporal.io/sdk/client", "go.temporal.io/sdk/converter", "go.temporal.io/api/...", "golang.org/x/sync/errgroup"},
	"activities/node": {".", "./activities", "./recipes/options", "./internal/heartbeat", "./internal/settings", "./internal/container", "go.temporal.io/sdk/activity"},

	// Every other package of internal/ lives by this line; a library of its own
	// needs a line of its own.
	"internal":                 {".", "./recipes/options", "./internal/filelock", "./internal/pause", "./internal/settings"},
	"internal/backend":         {".", "./recipes/options"},
	"internal/schema":          {".", "github.com/invopop/jsonschema", "github.com/santhosh-tekuri/jsonschema/v6"},
	"internal/config":          {".", "./internal/container", "./internal/filelock", "./internal/settings", "github.com/spf13/viper"},
	"internal/display":         {".", "golang.org/x/term"},
	"internal/heartbeat":       {".", "go.temporal.io/sdk/activity"},
	"internal/filelock":        {"github.com/google/renameio/v2", "golang.org/x/sys/unix"},
	"internal/access":          {".", "./internal/limit"},
	"internal/admin":           {".", "./internal/access", "./internal/filelock", "./internal/limit", "./internal/settings", "./internal/store", "golang.org/x/sync/errgroup"},
	"internal/store":           {".", "./internal/limit", "./internal/filelock", "github.com/jackc/pgx/v5/...", "modernc.org/sqlite"},
	"internal/inventory":       {".", "./internal/settings", "github.com/nats-io/nats.go/..."},
	"internal/machine":         {".", "github.com/google/uuid", "github.com/prometheus/procfs", "golang.org/x/sys/unix"},
	"internal/temporal":        {".", "./internal/settings", "go.temporal.io/...", "google.golang.org/grpc/...", "google.golang.org/protobuf/types/known/durationpb"},
	"internal/ownership":       {".", "./workflows", "go.temporal.io/...", "golang.org/x/sync/errgroup"},
	"internal/telemetry":       {".", "./activities", "github.com/prometheus/client_golang/...", "go.opentelemetry.io/otel/...", "go.temporal.io/sdk/..."},
	"internal/servertest":      {".", "./internal/settings", "./workflows", "go.temporal.io/sdk/..."},
	"internal/container":       {".", "./recipes/options", "github.com/distribution/reference"},
	"internal/runtime":         {".", "./internal/container/...", "./internal/settings"},
	"internal/runtime/docker":  {".", "./internal/container/...", "./internal/filelock", "./internal/pause", "./internal/settings", "github.com/docker/...", "github.com/distribution/reference", "github.com/containerd/errdefs", "golang.org/x/sys/unix"},
	"internal/runtime/process": {".", "./recipes/options", "./internal/container", "./internal/filelock", "./internal/machine", "./internal/pause", "./internal/settings", "github.com/prometheus/procfs", "golang.org/x/sys/unix"},
	"internal/simulator":       {".", "./recipes/options", "./internal/...", "github.com/prometheus/client_golang/...", "golang.org/x/sys/unix"},
	"internal/e2e":             {"..."},

	// What worker needs a library for is a concept, and has a room of its own.
	"worker": {".", "./recipes", "./workflows", "./activities/...", "./gateway/...", "./internal/...",
		"go.temporal.io/sdk/...", "go.temporal.io/api/enums/v1", "google.golang.org/grpc", "golang.org/x/sync/errgroup"},
	"gateway": {".", "./internal/access", "./internal/endpoints", "./internal/limit", "./internal/store", "./internal/filelock", "github.com/prometheus/client_golang/..."},
	"client":  {".", "./workflows", "github.com/google/uuid", "go.temporal.io/api/...", "go.temporal.io/sdk/client", "go.temporal.io/sdk/converter"},
	"cmd":     {"..."},

	// A module of its own, which nothing of aim may import.
	"bench": {"..."},
}

// exceptions are imports that the table does not allow, each with its reason.
var exceptions = []struct{ from, to, why string }{
	{"workflows", "go.temporal.io/api/enums/v1",
		"the SDK types child policies and timeouts with these enums and has no names of its own for them"},
	{"recipes", "./recipes/options",
		"a room inside a room: backends use the tables without the catalogue"},
	{"internal/backend", "./internal/backend/openai",
		"what every server with OpenAI's API answers the same way"},
	{"internal/backend", "./internal/backend/cause",
		"how a root cause is found in any server's log, and what PyTorch, ROCm and the hub's library say"},
	{"internal/backend", "./internal/backend/metrics",
		"what servers count of their work, whatever they call it"},
	{"internal/backend", "./internal/backend/command",
		"the last check of a rung before it is a command line, and what is known of images"},
}

// alone are libraries with one room to live in, whatever the table allows.
var alone = map[string]string{
	"github.com/docker/...":          "internal/runtime/docker",
	"github.com/nats-io/nats.go/...": "internal/inventory",
	"github.com/spf13/viper":         "internal/config",
	"github.com/google/renameio/v2":  "internal/filelock",
	"modernc.org/sqlite":             "internal/store",
	"github.com/jackc/pgx/v5/...":    "internal/store",
}

// unlinked are packages that a room never links, directly or through others.
// Deciding needs no container and no network, a node neither the catalogue nor
// the scheduler, and the story only the contract of who carries it out.
var unlinked = func() map[string][]string {
	outside := []string{"github.com/docker/...", "github.com/moby/...", "github.com/nats-io/...", "github.com/spf13/viper"}
	rooms := map[string][]string{}
	for _, decider := range []string{".", "recipes", "recipes/options", "scheduler", "workflows", "activities", "activities/control", "activities/node"} {
		rooms[decider] = outside
	}
	rooms["workflows"] = append([]string{"./activities/control", "./activities/node", "./scheduler/...", "./recipes/..."}, outside...)
	rooms["activities"] = append([]string{"./activities/control", "./activities/node"}, outside...)
	rooms["activities/control"] = append([]string{"./activities/node"}, outside...)
	rooms["activities/node"] = append([]string{"./activities/control", "./workflows", "./scheduler/...", "./recipes/..."}, outside...)
	return rooms
}()

// goPackage is what `go list -json` says, as far as it matters here. Imports
// are those of code that is not a test; Deps reach through all of them.
type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// path is the package's folder below the module, "." for the root.
func (p goPackage) path() string {
	if p.ImportPath == module {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

func TestRooms(t *testing.T) {
	packages := slices.Concat(listPackages(t, "."), listPackages(t, "bench"))
	for _, p := range packages {
		for _, o := range offences(p) {
			t.Error(o)
		}
	}
	for _, e := range exceptions {
		if !slices.ContainsFunc(packages, func(p goPackage) bool {
			return roomOf(p.path()) == e.from && slices.ContainsFunc(p.Imports, func(i string) bool { return matches(e.to, i) })
		}) {
			t.Errorf("nobody needs the exception %s -> %s any more: delete it", e.from, e.to)
		}
	}
}

// The checker sees what it is there to see.
func TestRoomsNoticesOffences(t *testing.T) {
	for _, c := range []struct {
		from, imports, deps string
		want                string // "" = fine
	}{
		{from: ".", imports: "strings"},
		{from: ".", imports: "gopkg.in/yaml.v3", want: "may not import"},
		{from: "scheduler", imports: module},
		{from: "scheduler", imports: module + "/recipes", want: "may not import"},
		{from: "scheduler", imports: "strings", deps: "github.com/docker/docker/client", want: "links"},
		{from: "workflows", imports: "go.temporal.io/sdk/client", want: "may not import"},
		{from: "activities", imports: module + "/scheduler", want: "may not import"},
		{from: "workflows", imports: module + "/activities/node", want: "may not import"},
		{from: "activities/node", imports: module + "/activities/control", want: "may not import"},
		{from: "activities/control", imports: module + "/activities/node", want: "may not import"},
		{from: "activities/node", imports: module + "/internal/ledger", want: "may not import"},
		{from: "activities/node", imports: module + "/recipes/options"},
		{from: "activities/node", imports: module + "/recipes/options", deps: module + "/recipes", want: "links"},
		{from: "activities/node", imports: module + "/activities", deps: module + "/scheduler", want: "links"},
		{from: "internal/hub", imports: module + "/internal/hub/part"},
		{from: "internal/hub", imports: module + "/internal/ledger", want: "may not import"},
		{from: "internal/hub", imports: "golang.org/x/sync/errgroup", want: "may not import"},
		{from: "internal/simulator/openai", imports: module + "/internal/backend/vllm"},
		{from: "worker", imports: module + "/cmd/aim", want: "may not import"},
		{from: "worker", imports: "github.com/prometheus/client_golang/prometheus", want: "may not import"},
		{from: "internal/ownership", imports: module + "/activities/node", want: "may not import"},
		{from: "cmd/aim", imports: "github.com/docker/docker/client", want: "alone"},
		{from: "bench/engine", imports: module + "/internal/e2e/stack"},
		{from: "bench/engine", imports: "github.com/nats-io/nats.go", want: "alone"},
		{from: "internal/e2e/stack", imports: "github.com/nats-io/nats.go", want: "alone"},
		{from: "tools", imports: "strings", want: "no room"},
	} {
		p := goPackage{ImportPath: filepath.Join(module, c.from), Imports: []string{c.imports}, Deps: []string{c.imports, c.deps}}
		got := strings.Join(offences(p), "\n")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s importing %s: got %q, want %q", c.from, c.imports, got, c.want)
		}
	}
}

// bench is a module of its own: what it takes to measure is no load of the program.
func TestNothingOfAimNeedsTheBenches(t *testing.T) {
	root, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(root), module+"/bench") {
		t.Error("go.mod requires the benches")
	}
}

// Same input, same answer: what decides has no clock and reads no environment. It takes
// the time as an argument; workflowcheck says the same of workflows.
func TestWhatDecidesHasNoClock(t *testing.T) {
	forbidden := map[string][]string{
		"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
		"os":   {"Getenv", "LookupEnv", "Environ"},
	}
	files := 0
	for _, room := range []string{".", "recipes", "scheduler"} {
		err := filepath.WalkDir(room, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && (room == "." && path != "." || d.Name() == "testdata") {
				return cmp.Or(err, fs.SkipDir)
			}
			if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			files++
			parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if of, ok := s.X.(*ast.Ident); ok && slices.Contains(forbidden[of.Name], s.Sel.Name) {
						t.Errorf("%s calls %s.%s", path, of.Name, s.Sel.Name)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if files < 50 {
		t.Errorf("only %d files were looked at", files)
	}
}

// devserver is a module of its own, and knows nothing of aim.
func TestDevserverKnowsNothingOfAim(t *testing.T) {
	files, err := filepath.Glob("devserver/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files of devserver: %v", len(files), err)
	}
	more, _ := filepath.Glob("devserver/*/*/*.go") // the pattern is good
	for _, file := range append(files, more...) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if matches("./...", path) && !matches("./devserver/...", path) {
				t.Errorf("%s imports %s", file, path)
			}
		}
	}
	root, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(root), "go.temporal.io/server ") {
		t.Error("go.mod requires the Temporal server; it belongs into devserver/go.mod")
	}
}

// offences says what a package imports or links against the rules.
func offences(p goPackage) []string {
	room := roomOf(p.path())
	if room == "" {
		return []string{p.path() + " is in no room: put it into one, or add a room here and to DESIGN.md"}
	}
	var found []string
	for _, to := range p.Imports {
		for library, owner := range alone {
			if matches(library, to) && room != owner {
				found = append(found, fmt.Sprintf("%s imports %s, which %s alone may", p.path(), to, owner))
			}
		}
		if !allowed(p, to) {
			found = append(found, fmt.Sprintf("%s may not import %s: room %s may import %v", p.path(), to, room, rooms[room]))
		}
	}
	for _, dep := range p.Deps {
		if matchesAny(unlinked[room], dep) && !matches("./recipes/options/...", dep) { // the tables are below the catalogue, and no part of it
			found = append(found, fmt.Sprintf("%s links %s", p.path(), dep))
		}
	}
	return found
}

// roomOf is the room with the longest path above the package, "" for none.
func roomOf(path string) string {
	best := ""
	for room := range rooms {
		if (path == room || strings.HasPrefix(path, room+"/")) && len(room) > len(best) {
			best = room
		}
	}
	return best
}

func allowed(p goPackage, to string) bool {
	first, _, _ := strings.Cut(to, "/")
	if !strings.Contains(first, ".") {
		return true // the standard library
	}
	room := roomOf(p.path())
	if matchesAny(rooms[room], to) || matches(p.ImportPath+"/...", to) {
		return true
	}
	if matches("./...", to) && roomOf(goPackage{ImportPath: to}.path()) == room && !strings.HasPrefix(room, "internal") {
		return true
	}
	for _, e := range exceptions {
		if e.from == room && matches(e.to, to) {
			return true
		}
	}
	return false
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// matches compares an import path with a pattern of the tables above.
func matches(pattern, path string) bool {
	if pattern == "." || strings.HasPrefix(pattern, "./") {
		pattern = module + strings.TrimPrefix(pattern, ".")
	}
	if above, ok := strings.CutSuffix(pattern, "..."); ok {
		return above == "" || path == strings.TrimSuffix(above, "/") || strings.HasPrefix(path, above)
	}
	return path == pattern
}

// listPackages are the packages of the module in that folder.
func listPackages(t *testing.T, folder string) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "-C", folder, "list", "-json=ImportPath,Imports,Deps", "./...").Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

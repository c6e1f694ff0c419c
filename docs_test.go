package aim_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
)

var update = flag.Bool("update", false, "write the generated pages of docs/")

// page compares a generated page with the one in docs/, or writes it.
func page(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, path); got != want {
		t.Errorf("%s is not what the program says any more: run make fmt and read the difference", path)
	}
}

// docs/failures.md is the class table of failure.go.
func TestDocsFailures(t *testing.T) {
	var b strings.Builder
	b.WriteString(failuresIntro)
	families := []aim.Family{aim.FamilyInput, aim.FamilyResource, aim.FamilyConfig, aim.FamilyStart, aim.FamilyHealth}
	classes := aim.Classes()
	slices.Sort(classes)
	told := 0
	for _, family := range families {
		fmt.Fprintf(&b, "\n## %s\n\n| class | what happened | what happens next |\n|---|---|---|\n", family)
		for _, c := range classes {
			if r := c.Rule(); r.Family == family {
				told++
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c, r.Sentence, nextStep(t, c))
			}
		}
	}
	if told != len(classes) {
		t.Errorf("%d classes of %d are in a family that is told", told, len(classes))
	}
	page(t, "docs/failures.md", b.String())
}

const failuresIntro = `# Failures

Whatever goes wrong has a class. The class decides what happens next, and is the same word in ` + "`aim status`" + `, in events, in
metrics and in the Temporal UI. Every message names its family too: input, resource, configuration, start or health.

"Next rung" is the next entry of the deployment's ladder: another recipe, or the same one with a change that helps against this
class. Where no rung is left, a deployment that has never been ready fails; one that has been ready goes on trying with growing
pauses of up to five minutes. Each attempt stays in the status with its node, its class and the first lines of the log that tell
the cause; ` + "`aim logs NAME --attempt N`" + ` shows the whole log.

This page is generated from failure.go by ` + "`make fmt`" + `.
`

// nextStep says what a class leads to, as workflows/decide.go carries it out.
func nextStep(t *testing.T, c aim.FailureClass) string {
	t.Helper()
	if c == aim.ClassOrphaned || c == aim.ClassCancelled {
		return "it ends: nobody wants it any more"
	}
	switch r := c.Rule(); r.Next {
	case aim.NextSame:
		return fmt.Sprintf("the same rung again, %s; then the next rung", times(r.Tries))
	case aim.NextOther:
		return fmt.Sprintf("the same rung on another node, %s; then the next rung", times(r.Tries))
	case aim.NextRung:
		return "the next rung"
	case aim.NextWait:
		return "another place, as soon as there is one"
	case aim.NextStop:
		return "it ends: only a person can mend it"
	}
	t.Errorf("nobody has described what %s leads to", c)
	return ""
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("up to %d times", n)
}

// docs/configuration.md has every setting, and no other: its name, its
// environment variables, and a default that is valid.
func TestDocsConfiguration(t *testing.T) {
	documented := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| `(AIM_[A-Z_]+)`((?:, `[A-Z_]+`)*) \\| ([^|]*) \\|")
	for _, m := range row.FindAllStringSubmatch(read(t, "docs/configuration.md"), -1) {
		documented[m[1]] = m[3]
		if want := "AIM_" + strings.ToUpper(strings.ReplaceAll(m[1], ".", "_")); m[2] != want {
			t.Errorf("%s is called %s in the environment, not %s", m[1], want, m[2])
		}
		checkDefault(t, m[2], strings.Trim(m[4], "` "))
	}
	known := settingsOf(t)
	if !maps.Equal(documented, known) {
		for _, name := range slices.Sorted(maps.Keys(known)) {
			if usual, ok := documented[name]; !ok || usual != known[name] {
				t.Errorf("docs/configuration.md: %s is missing, or is not also called%s", name, known[name])
			}
		}
		for name := range documented {
			if _, ok := known[name]; !ok {
				t.Errorf("docs/configuration.md: there is no setting %s", name)
			}
		}
	}
}

// settingsOf reads the table of settings from its source: name, and the names
// that other tools use as the page writes them.
func settingsOf(t *testing.T) map[string]string {
	t.Helper()
	settings := map[string]string{}
	entry := regexp.MustCompile(`(?m)^\t\t\{"([a-z_.]+)", &[^\n]*`)
	usual := regexp.MustCompile(`\[\]string\{("[A-Z_", ]+")\}`)
	for _, m := range entry.FindAllStringSubmatch(read(t, "internal/config/keys.go"), -1) {
		settings[m[1]] = ""
		if u := usual.FindStringSubmatch(m[0]); u != nil {
			settings[m[1]] = ", " + strings.ReplaceAll(u[1], `"`, "`")
		}
	}
	if len(settings) == 0 {
		t.Fatal("found no setting in internal/config/keys.go")
	}
	return settings
}

// checkDefault sets what the page calls the default. Words in parentheses tell
// where it comes from; "" and "none" are no value.
func checkDefault(t *testing.T, variable, value string) {
	t.Helper()
	if value == "" || strings.HasPrefix(value, "(") {
		return
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv(variable, strings.Replace(value, "~", os.Getenv("HOME"), 1))
	if _, err := config.Load(config.Options{}); err != nil {
		t.Errorf("the default of %s: %v", variable, err)
	}
}

// docs/cli.md is the help of every command, as the program prints it.
func TestDocsCLI(t *testing.T) {
	program := filepath.Join(t.TempDir(), "aim")
	if out, err := exec.Command("go", "build", "-o", program, "./cmd/aim").CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/aim: %v\n%s", err, out)
	}
	help := func(words ...string) string {
		cmd := exec.Command(program, append(words, "--help")...)
		cmd.Env = append(config.Environ(os.Environ()), "HOME=/root", "NO_COLOR=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("aim %s --help: %v", strings.Join(words, " "), err)
		}
		return string(out)
	}
	var b strings.Builder
	b.WriteString(cliIntro)
	fmt.Fprintf(&b, "\n```\n%s```\n", help())
	var walk func(words []string, text string)
	walk = func(words []string, text string) {
		for _, name := range commandsIn(text) {
			if name == "help" || name == "completion" {
				continue // cobra's own
			}
			below := append(slices.Clone(words), name)
			text := help(below...)
			shown, _, _ := strings.Cut(text, "\nGlobal Flags:")
			fmt.Fprintf(&b, "\n## aim %s\n\n```\n%s\n```\n", strings.Join(below, " "), strings.TrimRight(shown, "\n"))
			walk(below, text)
		}
	}
	walk(nil, help())
	page(t, "docs/cli.md", b.String())
}

const cliIntro = `# The command line

Data goes to stdout; progress, hints and errors go to stderr, and an error ends with the next command to type. ` + "`-o json`" + ` and
` + "`-o jsonl`" + ` are for programs; what each command prints is told in
[output.schema.json](output.schema.json), and fields are only ever added. Live progress is for terminals; in a pipe it is plain lines. NO_COLOR is
respected. An interrupted or timed-out wait never cancels the work.

| exit code | |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | the command line, or a value in it, is wrong |
| 3 | no node has room for it, or no recipe runs the model |
| 4 | stopped waiting; the work goes on |
| 130 | interrupted; the work goes on |

This page is generated from the program by ` + "`make fmt`" + `.
`

var (
	helpSection = regexp.MustCompile(`^(\S.*):$`)
	helpCommand = regexp.MustCompile(`^  ([a-z][a-z-]*) {2,}\S`)
)

// commandsIn finds the commands that a help text lists.
func commandsIn(help string) (names []string) {
	inCommands, usage := false, false // what stands before the usage is prose, and may have lists of its own
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, "\n")
		usage = usage || line == "Usage:"
		if m := helpSection.FindStringSubmatch(line); m != nil {
			inCommands = usage && !slices.Contains([]string{"Usage", "Examples", "Aliases", "Flags", "Global Flags"}, m[1])
			continue
		}
		if m := helpCommand.FindStringSubmatch(line); m != nil && inCommands {
			names = append(names, m[1])
		}
	}
	return names
}

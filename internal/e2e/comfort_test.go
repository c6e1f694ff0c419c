package e2e

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// TestShellsComplete: what a person has begun to type is finished by each shell that
// is installed here: names of the fleet, models of the catalogue, values of flags.
func TestShellsComplete(t *testing.T) {
	ctx, s := scenario(t, 2*time.Minute)
	apply(t, ctx, s, spec("comfort-one", ""))
	for shell, script := range map[string]string{
		"bash": `source /usr/share/bash-completion/bash_completion || exit 77
			source <(aim completion bash)
			COMP_WORDS=($2) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9
			__start_aim; printf '%s\n' "${COMPREPLY[@]}"`,
		"fish": `aim completion fish | source; complete -C $argv[2]`,
		// A zsh that is typed to: it finishes the word, and the line prints itself.
		"zsh": `zmodload zsh/zpty; zpty z zsh -f -i
			zpty -w z 'PROMPT=; autoload -U compinit; compinit -u -D; source <(aim completion zsh); aimline() { print -r -- "LINE $BUFFER LINE"; BUFFER=; zle accept-line }; zle -N aimline; bindkey "^X" aimline; setopt nolistbeep; echo START-"" | tr -d -'
			zpty -r z out '*START*'
			zpty -w -n z "$2"$'\t'
			zpty -w -n z $'\x18'
			zpty -r z out '*LINE *LINE*'; print -r -- $out; zpty -d z`,
	} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed here", shell)
			continue
		}
		for begun, want := range map[string]string{
			"aim status comf":           "comfort-one",
			"aim deploy x --backend sg": "sglang",
		} {
			got, err := inShell(ctx, s, path, shell, script, begun)
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() == 77 {
				t.Log("bash-completion, which the completion of bash needs, is not installed here")
				break
			}
			if err != nil || !strings.Contains(got, want) {
				t.Errorf("%s finishes %q with %q, want %q (%v)", shell, begun, got, want, err)
			}
		}
	}
}

// inShell runs a script with the words before the cursor, and this aim first on the
// PATH.
func inShell(ctx context.Context, s *stack.Stack, path, shell, script, begun string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-c", script, shell, "-", begun)
	if shell == "fish" {
		cmd = exec.CommandContext(ctx, path, "-c", script, "-", begun)
	}
	dir, err := filepath.Abs(bin())
	if err != nil {
		return "", err
	}
	cmd.Env = append(cmd.Environ(), "PATH="+dir+":/usr/bin:/bin", "AIM_DIR="+s.Dir, "HOME="+s.Dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestCuresOfAFleet: the cure that is told is pasted into a shell, and the replica is
// placed: of one that waits behind another, of one whose nodes are closed to it.
func TestCuresOfAFleet(t *testing.T) {
	ctx, s := scenario(t, 3*time.Minute)
	whole := func(name string) aim.DeploymentSpec {
		full := spec(name, "")
		full.GPUs = 8
		return full
	}
	for _, name := range []string{"cured-a", "cured-b"} {
		apply(t, ctx, s, whole(name))
		awaitReady(t, ctx, s, name)
	}
	apply(t, ctx, s, spec("cured-small", ""))
	awaitSays(t, ctx, s, "1 of 1 in the queue", "status", "cured-small")
	apply(t, ctx, s, whole("cured-large"))
	awaitSays(t, ctx, s, "2 of 2 in the queue", "status", "cured-large")
	awaitSays(t, ctx, s, "To make it fit", "status", "cured-large")
	takeCure(t, ctx, s, s.Aim(ctx, "status", "cured-large", "-o", "json").Out, "reason")
	awaitReady(t, ctx, s, "cured-large")

	must(t, s.Aim(ctx, "stop", "cured-a", "cured-b", "cured-small", "cured-large").Error())
	for _, node := range []string{"n1", "n2"} {
		must(t, s.Aim(ctx, "node", "cordon", node, "--why", "to see what helps").Error())
	}
	t.Cleanup(func() {
		for _, node := range []string{"n1", "n2"} {
			s.Aim(context.Background(), "node", "uncordon", node)
			s.Aim(context.Background(), "node", "label", node, "rack-")
		}
	})
	racked := spec("cured-again", "")
	racked.Selector = map[string]string{"rack": "r9"}
	plan := s.Aim(ctx, "plan", small, "--name", racked.Name, "--selector", "rack=r9", "-o", "json")
	if plan.Code != 3 {
		t.Errorf("a plan on closed nodes without the label ends with %d: %s", plan.Code, plan.Err)
	}
	apply(t, ctx, s, racked)
	awaitSays(t, ctx, s, "not labelled rack=r9", "status", racked.Name)
	takeCure(t, ctx, s, plan.Out, "cures")
	awaitReady(t, ctx, s, racked.Name)
}

// someCommands are what a cure begins with, before the words in brackets.
var someCommands = regexp.MustCompile(`aim (stop|move|node|deploy) [^("]*`)

// takeCure carries out the first cure in a field of an answer.
func takeCure(t *testing.T, ctx context.Context, s *stack.Stack, answer, field string) {
	t.Helper()
	_, told, ok := strings.Cut(answer, "\""+field+"\":")
	if field == "reason" {
		_, told, ok = strings.Cut(told, "To make it fit: ")
	}
	told, _, _ = strings.Cut(told, "\n")
	told, _, _ = strings.Cut(told, "; or ")
	if field == "cures" {
		_, told, _ = strings.Cut(answer, "\"cures\": [")
		told, _, _ = strings.Cut(strings.TrimSpace(told), "\n")
	}
	commands := someCommands.FindString(strings.ReplaceAll(told, `\u0026`, "&"))
	if !ok || commands == "" {
		t.Fatalf("no command is told in %q", answer)
	}
	t.Log(commands)
	path, err := exec.LookPath("sh")
	must(t, err)
	if out, err := inShell(ctx, s, path, "sh", commands, ""); err != nil {
		t.Errorf("%s ended with %v: %s", commands, err, out)
	}
}

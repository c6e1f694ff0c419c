package render

import (
	"strings"

	"github.com/aim-engine/aim"
)

// Container is what is to be run.
type Container struct {
	Name       string
	Image      string
	Entrypoint []string // nil = the image's own
	Args       []string
	Flags      []Flag
	Comment    []string // lines before the text
}

// words are what follows the image on a command line; docker takes only the
// first word of an entrypoint as a flag.
func (c Container) words() []string {
	if len(c.Entrypoint) == 0 {
		return c.Args
	}
	return append(c.Entrypoint[1:len(c.Entrypoint):len(c.Entrypoint)], c.Args...)
}

// flags are all of docker run's.
func (c Container) flags() []Flag {
	flags := append([]Flag{{Name: "name", Value: c.Name}}, c.Flags...)
	if len(c.Entrypoint) > 0 {
		flags = append(flags, Flag{Name: "entrypoint", Value: c.Entrypoint[0]})
	}
	return flags
}

// comment writes the lines before the text.
func (c Container) comment() string {
	var b strings.Builder
	for _, line := range c.Comment {
		b.WriteString("# " + line + "\n")
	}
	return b.String()
}

// Docker is a docker run command, one flag a line, for a POSIX shell.
func Docker(c Container) string {
	var b strings.Builder
	b.WriteString(c.comment() + "docker run")
	for _, f := range c.flags() {
		b.WriteString(" \\\n  --" + f.Name)
		if f.Value != "" {
			b.WriteString(" " + aim.Quote(f.Value))
		}
	}
	b.WriteString(" \\\n  " + aim.Quote(c.Image))
	for _, line := range optionLines(c.words()) {
		b.WriteString(" \\\n  ")
		for i, w := range line {
			if i > 0 {
				b.WriteString(" ")
			}
			b.WriteString(aim.Quote(w))
		}
	}
	return b.String() + "\n"
}

// optionLines puts every option on a line with its values.
func optionLines(words []string) [][]string {
	var lines [][]string
	for _, w := range words {
		if len(lines) == 0 || strings.HasPrefix(w, "--") {
			lines = append(lines, nil)
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], w)
	}
	return lines
}

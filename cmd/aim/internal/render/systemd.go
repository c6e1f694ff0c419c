package render

import (
	"fmt"
	"strings"

	"github.com/aim-engine/aim"
)

// Systemd is a unit that runs the container in the foreground. Secrets come from
// a file that root alone can read.
func Systemd(c Container) string {
	var b strings.Builder
	b.WriteString(c.comment())
	fmt.Fprintf(&b, "[Unit]\nDescription=%s\nAfter=docker.service network-online.target\nWants=network-online.target\nRequires=docker.service\n\n", unitText(c.Name+" ("+c.Image+")"))
	b.WriteString("[Service]\n")
	if secrets(c.Flags) {
		fmt.Fprintf(&b, "EnvironmentFile=/etc/aim/%s.env\n", c.Name)
	}
	fmt.Fprintf(&b, "ExecStartPre=-/usr/bin/docker rm --force %s\n", c.Name)
	b.WriteString("ExecStart=/usr/bin/docker run --rm")
	for _, f := range c.flags() {
		if f.Name == "restart" {
			continue // systemd's to do, and docker refuses it beside --rm
		}
		b.WriteString(" \\\n  --" + f.Name)
		if f.Value != "" {
			b.WriteString(" " + unitWord(f.Value))
		}
	}
	b.WriteString(" \\\n  " + unitWord(c.Image))
	for _, line := range optionLines(c.words()) {
		b.WriteString(" \\\n ")
		for _, w := range line {
			b.WriteString(" " + unitWord(w))
		}
	}
	// 75 s: the 60 s that docker gives a server to end, and some for docker.
	fmt.Fprintf(&b, "\nExecStop=/usr/bin/docker stop --time 60 %s\nTimeoutStartSec=infinity\nTimeoutStopSec=75\nRestart=on-failure\nRestartSec=10\n\n[Install]\nWantedBy=multi-user.target\n", c.Name)
	return b.String()
}

// secrets tells whether a value comes from the environment.
func secrets(flags []Flag) bool {
	for _, f := range flags {
		if f.Name == "env" && !strings.Contains(f.Value, "=") {
			return true
		}
	}
	return false
}

// unitText keeps systemd from reading a percent sign as a specifier.
func unitText(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// unitWord quotes a word of a unit's command: dollars and percent signs are
// doubled, and what is not plain stands in double quotes.
func unitWord(w string) string {
	w = strings.ReplaceAll(unitText(w), "$", "$$")
	if aim.Quote(w) == w {
		return w
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
}

package options

import (
	_ "embed"
	"strings"
	"sync"
)

// knownFile lists variables of libraries below the servers that tune and do
// nothing else: a name a line, a trailing * for a family of which that is true.
//
//go:embed environment.txt
var knownFile string

var knownNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(knownFile) {
		line, _, _ = strings.Cut(line, "#")
		for _, name := range strings.Fields(line) {
			names[name] = true
		}
	}
	return names
})

// KnownEnv tells whether a variable is known to tune a server of this backend
// and to do nothing else: it is in environment.txt, or it is one of the
// backend's own names, whatever the version, and its words do not say that it
// names a file, an address, a program, or a secret.
func KnownEnv(backend, name string) bool {
	if knownNames()[name] || knownFamily(name) {
		return true
	}
	s, err := read(backend)
	if err != nil || s.EnvPrefix == "" || !strings.HasPrefix(name, s.EnvPrefix) {
		return false
	}
	for _, e := range s.Env {
		if e.Name == name {
			return tunesOnly(name)
		}
	}
	return false
}

func knownFamily(name string) bool {
	for i, c := range name {
		if c == '_' && knownNames()[name[:i+1]+"*"] {
			return tunesOnly(name)
		}
	}
	return false
}

// notTuning are words of names whose variables do more than tune.
var notTuning = map[string]bool{
	"PATH": true, "SO": true, "FILE": true, "FILENAME": true, "FOLDER": true, "DIR": true, "ROOT": true, "CONFIG": true, // open files
	"PLUGIN": true, "PLUGINS": true, "CONNECTOR": true, "RESOLVER": true, "LIB": true, "LIBRARY": true, "TOOLS": true, "CC": true, // load code
	"INSECURE": true, "UPDATING": true, "COPY": true, "COMMAND": true, "PRELOAD": true, "CMD": true, // let others load it
	"HOST": true, "IP": true, "IPS": true, "PORT": true, "SERVER": true, "REDIRECT": true, "MODELSCOPE": true, "URL": true, "ENDPOINT": true, // talk to others
	"KEY": true, "TOKEN": true, "SECRET": true, "PASSWORD": true,
}

func tunesOnly(name string) bool {
	for _, word := range strings.Split(name, "_") {
		if notTuning[word] {
			return false
		}
	}
	return true
}

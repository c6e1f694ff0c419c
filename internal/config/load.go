package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"

	"github.com/aim-engine/aim"
)

// Options are what Load cannot find out by itself.
type Options struct {
	File  string          // configuration file that must exist; "" = the first of Files that does
	Flags map[string]Flag // flags that were given, by the name of the setting
}

// Flag is a flag that was given on the command line. Value is a string, or a
// []string for flags that repeat.
type Flag struct {
	Name  string // with its dashes
	Value any
}

// Places that a value can come from, besides flags, files and the environment.
const (
	fromDefault = "default"
	fromStack   = "aim up"
)

// Load fills Settings: flag, then AIM_* environment, then the names other tools
// use, then file, then the addresses of this user's `aim up`, then defaults. An
// error is an *aim.Failure of class input that names the setting and its source.
func Load(o Options) (Settings, error) {
	host, home := hostname(), homeDir()
	var s Settings
	keys := s.keys(host, home)
	v := viper.New()
	for _, k := range keys {
		v.SetDefault(k.name, k.initial)
		if err := v.BindEnv(append([]string{k.name, k.environment()}, k.usual...)...); err != nil {
			return s, fmt.Errorf("read the environment for setting %s: %w", k.name, err)
		}
	}
	file, err := readFile(v, cmp.Or(o.File, os.Getenv("AIM_CONFIG")), home)
	if err != nil {
		return s, err
	}
	if err := checkFile(v, file, keys); err != nil {
		return s, err
	}
	for name, f := range o.Flags {
		v.Set(name, f.Value)
	}
	return fill(&s, v, keys, o.Flags, file)
}

// fill reads every setting, then checks every setting. dir comes first: what
// `aim up` remembers there is the default of the addresses.
func fill(s *Settings, v *viper.Viper, keys []key, flags map[string]Flag, file string) (Settings, error) {
	s.sources = make(map[string]string, len(keys))
	remembered := map[string]string{}
	for _, k := range keys {
		s.sources[k.name] = source(v, k, flags, file)
		if s.sources[k.name] == fromDefault && remembered[k.name] != "" {
			s.sources[k.name] = fromStack
		}
		if err := read(v.Get(k.name), k.into); err != nil {
			return *s, badSetting(k.name, s.sources[k.name], v.Get(k.name), err)
		}
		if k.name == "dir" {
			remembered, s.unread = useStack(v, s.Dir)
		}
	}
	if s.Node.Dir == "" {
		s.Node.Dir = filepath.Join(s.Dir, "node")
	}
	if s.Gateway.Dir == "" {
		s.Gateway.Dir = filepath.Join(s.Dir, "gateway")
	}
	if s.Control.Token == "" {
		s.Control.Token = filepath.Join(s.Dir, "admin.token")
	}
	if s.Admin.Token == "" {
		s.Admin.Token = "file:" + filepath.Join(s.Dir, "admin.token")
	}
	for _, k := range keys {
		if k.check == nil {
			continue
		}
		if err := k.check(); err != nil {
			return *s, badSetting(k.name, s.sources[k.name], v.Get(k.name), err)
		}
	}
	return *s, nil
}

// source follows viper's order of precedence.
func source(v *viper.Viper, k key, flags map[string]Flag, file string) string {
	if f, ok := flags[k.name]; ok {
		return f.Name
	}
	for _, name := range append([]string{k.environment()}, k.usual...) {
		if os.Getenv(name) != "" {
			return name
		}
	}
	if v.InConfig(k.name) {
		return file
	}
	return fromDefault
}

// useStack makes the addresses that `aim up` keeps in dir the defaults, and
// returns them by setting.
func useStack(v *viper.Viper, dir string) (map[string]string, error) {
	stack, err := ReadStack(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // none was started here
	}
	if err != nil {
		return nil, err
	}
	addresses := map[string]string{
		"temporal.address":   stack.TemporalAddress,
		"temporal.namespace": stack.Namespace,
		"nats.url":           stack.NATSURL,
		"admin.url":          stack.AdminURL,
	}
	for name, value := range addresses {
		if value != "" {
			v.SetDefault(name, value)
		}
	}
	return addresses, nil
}

// badSetting makes the one form of all errors about values.
func badSetting(name, from string, value any, err error) error {
	return aim.Failf(aim.ClassInput, "setting %s: %q (from %s) %v", name, fmt.Sprint(value), from, err)
}

// Files lists where a configuration file is looked for; the first one that
// exists is read.
func Files() []string { return files(homeDir()) }

func files(home string) []string {
	own := cmp.Or(os.Getenv("XDG_CONFIG_HOME"), filepath.Join(home, ".config"))
	return []string{filepath.Join(own, "aim", "aim.yaml"), "/etc/aim/aim.yaml"}
}

// readFile reads the file that was named, or the first that exists, and returns
// its path, "" for none.
func readFile(v *viper.Viper, named, home string) (string, error) {
	if named == "" {
		i := slices.IndexFunc(files(home), func(path string) bool {
			_, err := os.Stat(path)
			return err == nil
		})
		if i < 0 {
			return "", nil
		}
		named = files(home)[i]
	}
	v.SetConfigFile(named)
	if filepath.Ext(named) == "" {
		v.SetConfigType("yaml")
	}
	if err := v.ReadInConfig(); err != nil {
		return "", aim.Failf(aim.ClassInput, "read configuration file %s: %v", named, rootCause(err))
	}
	return named, nil
}

// checkFile refuses settings of the file that nobody knows.
func checkFile(v *viper.Viper, file string, keys []key) error {
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	all := v.AllKeys()
	slices.Sort(all)
	for _, name := range all {
		parent := name[:max(strings.LastIndex(name, "."), 0)]
		if slices.Contains(names, name) || parent == "node.commands" {
			continue
		}
		hint := ""
		if near := aim.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("; did you mean %s?", near)
		}
		return aim.Failf(aim.ClassInput, "setting %s (from %s) is not known%s", name, file, hint)
	}
	return nil
}

// rootCause drops viper's wrapping, which repeats what we say already.
func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// homeDir is the folder below which a user's files go; root's daemons may have
// no HOME.
func homeDir() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return "/root"
	}
	return home
}

func stateDir(home string) string {
	return filepath.Join(cmp.Or(os.Getenv("XDG_STATE_HOME"), filepath.Join(home, ".local", "state")), "aim")
}

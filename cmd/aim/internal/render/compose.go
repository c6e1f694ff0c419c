package render

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// service is one service of a compose file, in the order in which it is read.
type service struct {
	Name        string            `yaml:"container_name"`
	Image       string            `yaml:"image"`
	Entrypoint  []string          `yaml:"entrypoint,omitempty,flow"`
	Command     []string          `yaml:"command"`
	Ports       []string          `yaml:"ports"`
	Devices     []string          `yaml:"devices,omitempty"`
	Groups      []string          `yaml:"group_add,omitempty"`
	Volumes     []volume          `yaml:"volumes,omitempty"`
	Environment map[string]string `yaml:"environment,omitempty"`
	User        string            `yaml:"user,omitempty"`
	ReadOnly    bool              `yaml:"read_only,omitempty"`
	Tmpfs       []string          `yaml:"tmpfs,omitempty"`
	CapDrop     []string          `yaml:"cap_drop,omitempty"`
	SecurityOpt []string          `yaml:"security_opt,omitempty"`
	CPUs        float64           `yaml:"cpus,omitempty"`
	Memory      string            `yaml:"mem_limit,omitempty"`
	MemorySwap  string            `yaml:"memswap_limit,omitempty"`
	Pids        int64             `yaml:"pids_limit,omitempty"`
	Shm         string            `yaml:"shm_size,omitempty"`
	IPC         string            `yaml:"ipc,omitempty"`
	Logging     logging           `yaml:"logging"`
	Healthcheck map[string]bool   `yaml:"healthcheck,omitempty"`
	StopSignal  string            `yaml:"stop_signal,omitempty"`
	Restart     string            `yaml:"restart"`
}

type volume struct {
	Type     string `yaml:"type"`
	Source   string `yaml:"source"`
	Target   string `yaml:"target"`
	ReadOnly bool   `yaml:"read_only,omitempty"`
}

type logging struct {
	Driver  string            `yaml:"driver"`
	Options map[string]string `yaml:"options,omitempty"`
}

// Compose is a compose file with one service. A secret is taken from the
// environment of docker compose, which refuses to go on without it.
func Compose(c Container) (string, error) {
	s := service{Name: c.Name, Image: escape(c.Image), Environment: map[string]string{}}
	for _, w := range c.Entrypoint {
		s.Entrypoint = append(s.Entrypoint, escape(w))
	}
	for _, w := range c.Args {
		s.Command = append(s.Command, escape(w))
	}
	for _, f := range c.Flags {
		if err := s.set(f); err != nil {
			return "", fmt.Errorf("write --%s %s as compose: %w", f.Name, f.Value, err)
		}
	}
	var b bytes.Buffer
	b.WriteString(c.comment())
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := e.Encode(struct {
		Name     string             `yaml:"name"`
		Services map[string]service `yaml:"services"`
	}{c.Name, map[string]service{c.Name: s}})
	return b.String(), err
}

// escape keeps compose from reading a dollar as a variable.
func escape(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// set translates one flag.
func (s *service) set(f Flag) error {
	value := escape(f.Value)
	if list := s.list(f.Name); list != nil {
		*list = append(*list, value)
		return nil
	}
	if text := s.text(f.Name); text != nil {
		*text = value
		return nil
	}
	var err error
	switch f.Name {
	case "env":
		s.setEnv(f.Value)
	case "mount":
		s.Volumes = append(s.Volumes, parseMount(value))
	case "cpus":
		s.CPUs, err = strconv.ParseFloat(value, 64)
	case "pids-limit":
		s.Pids, err = strconv.ParseInt(value, 10, 64)
	case "read-only":
		s.ReadOnly = true
	case "no-healthcheck":
		s.Healthcheck = map[string]bool{"disable": true}
	case "log-driver":
		s.Logging.Driver = value
	case "log-opt":
		name, option, _ := strings.Cut(value, "=")
		if s.Logging.Options == nil {
			s.Logging.Options = map[string]string{}
		}
		s.Logging.Options[name] = option
	default:
		err = fmt.Errorf("it has no such setting")
	}
	return err
}

// list is the key that holds all values of a flag, nil where there is none.
func (s *service) list(flag string) *[]string {
	return map[string]*[]string{
		"device": &s.Devices, "group-add": &s.Groups, "publish": &s.Ports, "tmpfs": &s.Tmpfs,
		"cap-drop": &s.CapDrop, "security-opt": &s.SecurityOpt,
	}[flag]
}

// text is the key that holds the one value of a flag, nil where there is none.
func (s *service) text(flag string) *string {
	return map[string]*string{
		"memory": &s.Memory, "memory-swap": &s.MemorySwap, "shm-size": &s.Shm, "ipc": &s.IPC,
		"user": &s.User, "stop-signal": &s.StopSignal, "restart": &s.Restart,
	}[flag]
}

func (s *service) setEnv(pair string) {
	name, value, given := strings.Cut(pair, "=")
	if !given {
		s.Environment[name] = "${" + name + ":?set it to the secret's value}"
		return
	}
	s.Environment[name] = escape(value)
}

// parseMount reads a --mount of package docker.
func parseMount(text string) volume {
	var v volume
	for _, part := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "type":
			v.Type = value
		case "source":
			v.Source = value
		case "target":
			v.Target = value
		case "readonly":
			v.ReadOnly = true
		}
	}
	return v
}

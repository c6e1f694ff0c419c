package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
)

// leaves lists the fields that hold values, by their path in the struct.
func leaves(v reflect.Value, path string, visit func(path string, field reflect.Value)) {
	for i := range v.NumField() {
		name := strings.TrimPrefix(path+"."+v.Type().Field(i).Name, ".")
		field := v.Field(i)
		switch {
		case !v.Type().Field(i).IsExported():
		case field.Kind() == reflect.Struct && field.Type() != reflect.TypeFor[settings.Ports]():
			leaves(field, name, visit)
		default:
			visit(name, field)
		}
	}
}

func valuesOf(s Settings) map[string]any {
	all := map[string]any{}
	leaves(reflect.ValueOf(s), "", func(path string, field reflect.Value) { all[path] = field.Interface() })
	return all
}

// unusual is a value of a key that no default is, as it stands in the environment,
// and what the field must be then.
func unusual(t *testing.T, k key) (text string, want any) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "unusual")
	for name, value := range map[string]string{
		"output": "jsonl", "color": "never", "temporal.address": "192.0.2.9:7", "nats.url": "nats://192.0.2.9:8",
		"temporal.api_key": "env:UNUSUAL", "node.hub_token": "env:UNUSUAL", "node.hub_endpoint": "http://unusual.example",
		"control.relief": "propose", "control.metrics": "192.0.2.9:1", "node.metrics": "192.0.2.9:2", "node.id": "unusual-1",
		"node.address": "192.0.2.9", "node.runtime": "process",
		"control.admin": "127.0.0.9:3", "control.store": "sqlite:/unusual/store.db", "admin.url": "http://192.0.2.9:4", "admin.token": "env:UNUSUAL",
		"gateway.listen": "192.0.2.9:5", "gateway.metrics": "192.0.2.9:6",
	} {
		if k.name == name {
			return value, value
		}
	}
	switch k.into.(type) {
	case *bool:
		return "true", true
	case *int:
		return "77", 77
	case *time.Duration:
		return "77s", 77 * time.Second
	case *settings.Ports:
		return "31000-31007", settings.Ports{First: 31000, Last: 31007}
	case *aim.ContainerLevel:
		return string(aim.LevelVendor), aim.LevelVendor
	case *map[string]string:
		return "rack=r9", map[string]string{"rack": "r9"}
	case *map[string][]string:
		return "vllm=/opt/unusual serve", map[string][]string{"vllm": {"/opt/unusual", "serve"}}
	case *[]string:
		switch k.name {
		case "node.secrets":
			return "env:UNUSUAL_*", []string{"env:UNUSUAL_*"}
		case "node.registries":
			return "registry.example/unusual", []string{"registry.example/unusual"}
		}
		return dir, []string{dir}
	case *string:
		return dir, dir
	}
	return "", nil // told by its own tests
}

// Every setting of the table reaches a field of its own, and no field of a program's
// settings is without a key: none can be lost on the way, since the programs read
// these very structs.
func TestEveryKeyReachesItsOwnField(t *testing.T) {
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		for _, prefix := range []string{"AIM_", "TEMPORAL_", "NATS_", "DOCKER_", "HF_", "XDG_"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "")
			}
		}
	}
	t.Setenv("HOME", t.TempDir())
	usual, err := Load(Options{})
	if err != nil {
		t.Fatal(err)
	}
	before, reached := valuesOf(usual), map[string]string{}
	var s Settings
	for _, k := range s.keys("host", "/home/x") {
		t.Run(k.name, func(t *testing.T) {
			text, want := unusual(t, k)
			if want == nil {
				return
			}
			t.Setenv(k.environment(), text)
			got, err := Load(Options{})
			if err != nil {
				t.Fatal(err)
			}
			var changed []string
			for path, value := range valuesOf(got) {
				if k.name == "dir" && slices.Contains([]string{"Node.Dir", "Gateway.Dir", "Control.Token", "Admin.Token"}, path) {
					continue // they lie below
				}
				if !reflect.DeepEqual(value, before[path]) {
					changed = append(changed, path)
					if !reflect.DeepEqual(value, want) {
						t.Errorf("%s is %v, want %v", path, value, want)
					}
				}
			}
			if len(changed) != 1 {
				t.Fatalf("it has changed %v, want one field", changed)
			}
			if other := reached[changed[0]]; other != "" {
				t.Errorf("%s is that of %s too", changed[0], other)
			}
			reached[changed[0]] = k.name
		})
	}
	for path := range before {
		if path != "LogLevel" && reached[path] == "" {
			t.Errorf("no setting reaches %s", path)
		}
	}
}

package container

import (
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// CheckGiven judges the environment that a deployment brings along: names that
// its server is known to read for tuning (options.KnownEnv), with plain values,
// and what the node's owner lists in allowed, where a trailing * matches the
// rest. All else is refused, because a name that nobody has looked at may make a
// server run code: BASH_ENV, CC, NCCL_NET_PLUGIN. Names of secrets must say that
// they are one (..._TOKEN, ..._KEY), or be listed. What the node sets itself is
// refused whatever the list says. The error is a Failure of class input; it never
// holds a value.
func CheckGiven(backend string, env map[string]string, secrets []string, allowed []string) error {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		switch {
		case options.ReservedEnv(name) != "":
			return aim.Failf(aim.ClassInput, "environment variable %s is not a deployment's to set: %s", name, options.ReservedEnv(name)).
				WithHint("leave it out")
		case listed(name, allowed):
		case !options.KnownEnv(backend, name):
			return notAllowed("environment variable", name)
		case !plain(env[name]):
			return aim.Failf(aim.ClassInput, "environment variable %s has a value that could be a path", name).
				WithHint("add the name to node.env_allowed on the nodes, if such a value is right")
		}
	}
	for _, name := range slices.Sorted(slices.Values(secrets)) {
		if !looksSecret(name) && !listed(name, allowed) || options.LoadsCode(name) {
			return notAllowed("secret", name)
		}
	}
	return nil
}

func notAllowed(kind, name string) error {
	return aim.Failf(aim.ClassInput, "%s %s is not one that a deployment may set on this node: nobody has said that it cannot make a server run code", kind, name).
		WithHint("leave it out, or add it to node.env_allowed on the nodes")
}

// listed looks a name up in an operator's list.
func listed(name string, list []string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		prefix, rest := strings.CutSuffix(entry, "*")
		return name == entry || rest && strings.HasPrefix(name, prefix)
	})
}

// plain values are numbers, words and lists of them: nothing that could name a
// file in another folder.
func plain(value string) bool { return !strings.ContainsAny(value, "/\\\x00\n\r") }

// looksSecret tells by a name that its value is a secret.
func looksSecret(name string) bool {
	for _, word := range strings.Split(strings.ToUpper(name), "_") {
		switch word {
		case "TOKEN", "KEY", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS":
			return true
		}
	}
	return false
}

// Environment is what a server finds in its environment: base, and over it the
// launch's, without secrets. It refuses, as a Failure of class input, what could
// not be passed on and what would choose GPUs: where a server sees only its own,
// they count from 0, and numbers of the node choose wrong ones.
func Environment(base map[string]string, l aim.Launch) (map[string]string, error) {
	for _, layer := range []map[string]string{l.Env, l.SecretEnv} {
		for _, name := range slices.Sorted(maps.Keys(layer)) {
			// The value may be a secret and stays out of the error.
			if !aim.IsEnvName(name) || strings.ContainsRune(layer[name], 0) {
				return nil, aim.Failf(aim.ClassInput, "environment variable %q has a bad name or value", name)
			}
			if options.ChoosesGPUs(name) {
				return nil, aim.Failf(aim.ClassInput, "environment variable %s would choose GPUs, which is the node's to do", name).
					WithHint("remove it from env")
			}
		}
	}
	env := map[string]string{}
	maps.Copy(env, base)
	maps.Copy(env, l.Env)
	for name := range l.SecretEnv {
		delete(env, name) // the secret has the last word
	}
	return env, nil
}

// Pairs are NAME=value in order of the names.
func Pairs(env map[string]string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

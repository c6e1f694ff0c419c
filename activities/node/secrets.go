package node

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
)

// secret resolves a reference that a deployment has given, if the node's
// settings allow it.
func (n *Node) secret(ref string) (string, error) {
	if err := aim.CheckSecretRef(ref); err != nil {
		return "", aim.Failf(aim.ClassInput, "%v", err)
	}
	if !n.allowsSecret(ref) {
		return "", aim.Failf(aim.ClassInput, "node %s does not allow deployments to use secret %s: its setting node.secrets does not name it", n.opts.ID, ref).
			WithHint("add it to node.secrets (AIM_NODE_SECRETS) on the node, and start its agent again")
	}
	return n.resolveSecret(ref)
}

// resolveSecret reads the value of a reference on this node; that of "" is "".
// Values are never part of an error.
func (n *Node) resolveSecret(ref string) (string, error) {
	value, err := n.readSecret(ref)
	n.secrets.remember(value)
	return value, err
}

func (n *Node) readSecret(ref string) (string, error) {
	if ref == "" {
		return "", nil
	}
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		value, ok := os.LookupEnv(name)
		if !ok {
			return "", aim.Failf(aim.ClassInput, "secret %s is not set on node %s", ref, n.opts.ID)
		}
		return value, nil
	}
	path := strings.TrimPrefix(ref, "file:")
	data, err := os.ReadFile(path)
	if err != nil {
		return "", aim.Failf(aim.ClassInput, "secret %s cannot be read on node %s", ref, n.opts.ID)
	}
	return strings.TrimSpace(string(data)), nil
}

// allowsSecret compares a reference with the node's list. A path that is not in
// its shortest form is on no list: "file:/a/../b" is not below "file:/a/".
func (n *Node) allowsSecret(ref string) bool {
	if path, ok := strings.CutPrefix(ref, "file:"); ok && path != filepath.Clean(path) {
		return false
	}
	for _, allowed := range n.opts.Secrets {
		prefix, any := strings.CutSuffix(allowed, "*")
		if ref == allowed || any && strings.HasPrefix(ref, prefix) {
			return true
		}
	}
	return false
}

func (n *Node) secretEnv(backend string, refs map[string]string) (map[string]string, error) {
	if err := container.CheckGiven(backend, nil, slices.Collect(maps.Keys(refs)), n.opts.EnvAllowed); err != nil {
		return nil, err
	}
	env := map[string]string{}
	for name, ref := range refs {
		value, err := n.secret(ref)
		if err != nil {
			return nil, err
		}
		env[name] = value
	}
	return env, nil
}

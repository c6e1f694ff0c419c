package activities

import (
	"os"
	"strings"

	"github.com/aim-engine/aim"
)

// secret resolves a reference on this node, if the node's settings allow it.
// "" is the empty secret. Values are never part of an error.
func (n *Node) secret(ref string) (string, error) {
	if ref == "" {
		return "", nil
	}
	if err := aim.CheckSecretRef(ref); err != nil {
		return "", aim.Failf(aim.ClassInput, "%v", err)
	}
	if !n.allowsSecret(ref) {
		return "", aim.Failf(aim.ClassInput, "node %s does not allow secret %s", n.opts.ID, ref).
			WithHint("add it to the node's setting node.secrets")
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

func (n *Node) allowsSecret(ref string) bool {
	if strings.Contains(ref, "/../") {
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

func (n *Node) secretEnv(refs map[string]string) (map[string]string, error) {
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

package node

import (
	"bytes"
	"context"
	"path"
	"slices"

	"github.com/aim-engine/aim"
)

// remoteCode is the option that makes a server run code of the model's
// repository; every backend calls it so.
const remoteCode = "trust-remote-code"

// codeFiles are the files of a model that name code beside them (auto_map).
var codeFiles = []string{"config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json"}

// settleCode decides about a rung that asks for code of the model's repository.
// Of a model that brings none the option is left out: it would do nothing. Else
// the operator of this node has the word, by node.remote_code.
func (n *Node) settleCode(ctx context.Context, rung aim.Rung) (aim.Rung, error) {
	asks := func(o aim.Option) bool { return o.Name == remoteCode && o.Value != "false" }
	if !slices.ContainsFunc(rung.Options, asks) {
		return rung, nil
	}
	brings, err := n.bringsCode(ctx, rung)
	switch {
	case err != nil:
		return rung, err
	case !brings:
		n.opts.Log.Info("the option is left out: the model brings no code of its own", "option", remoteCode, "model", rung.Model)
		rung.Options = slices.DeleteFunc(slices.Clone(rung.Options), asks)
		return rung, nil
	case allowsCode(n.opts.RemoteCode, rung.Model):
		return rung, nil
	}
	return rung, aim.Failf(aim.ClassRemoteCode, "%s brings code of its own, which node %s does not run", rung.Model, n.opts.ID).
		WithHint("read that code, then let the node's operator set node.remote_code: [%s]", rung.Model)
}

// bringsCode looks at the model's files. Where none can be read it is taken to
// bring some.
func (n *Node) bringsCode(ctx context.Context, rung aim.Rung) (bool, error) {
	hub, err := n.ports.Hub("")
	if err != nil {
		return false, err
	}
	files := hub.Beside(ctx, rung.Model, rung.Revision, codeFiles)
	for _, text := range files {
		if bytes.Contains(text, []byte(`"auto_map"`)) {
			return true, nil
		}
	}
	return len(files) == 0, nil
}

// allowsCode tells whether a list of models has this one; "*" has all, and
// "owner/*" all of an owner.
func allowsCode(list []string, model string) bool {
	return slices.ContainsFunc(list, func(pattern string) bool {
		ok, err := path.Match(pattern, model)
		return pattern == "*" || pattern == model || ok && err == nil
	})
}

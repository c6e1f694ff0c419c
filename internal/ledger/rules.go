package ledger

import (
	"cmp"
	"slices"

	"github.com/aim-engine/aim"
)

// check refuses a claim that could not be found, or not be told apart, later.
func check(c aim.Claim) error {
	switch {
	case c.UID == "" || c.Token == "":
		return aim.Failf(aim.ClassInternal, "claim of %s has no uid or no token", c.ReplicaName())
	case len(c.GPUs) == 0:
		return aim.Failf(aim.ClassInternal, "claim of %s names no GPU", c.ReplicaName())
	case c.Port < 0 || c.Port > 65535:
		return aim.Failf(aim.ClassInternal, "claim of %s has port %d", c.ReplicaName(), c.Port)
	}
	for i, gpu := range c.GPUs {
		if gpu == "" || slices.Contains(c.GPUs[:i], gpu) {
			return aim.Failf(aim.ClassInternal, "claim of %s names GPU %q twice or not at all", c.ReplicaName(), gpu)
		}
	}
	return nil
}

// clash tells what the wish and a claim that is held have in common: a GPU, or
// a port (0 is none).
func clash(wish, held aim.Claim) error {
	for _, gpu := range wish.GPUs {
		if held.Holds(gpu) {
			return refused("GPU "+gpu, held)
		}
	}
	if wish.Port != 0 && wish.Port == held.Port {
		return refused("the port", held)
	}
	return nil
}

func refused(what string, holder aim.Claim) error {
	doing := ""
	if holder.Stopping {
		doing = ", which is stopping"
	}
	return aim.Failf(aim.ClassRefused, "%s is held by %s attempt %d (uid %s, port %d)%s",
		what, holder.ReplicaName(), holder.Attempt, holder.UID, holder.Port, doing).
		WithHint("place the replica again; the node's inventory shows what is free")
}

// sortRecords orders claims by their lowest GPU, as inventories show them.
// GPUs inside a claim keep their order: it is that of the tensor parallel ranks.
func sortRecords(rs []record) {
	slices.SortFunc(rs, func(a, b record) int {
		return cmp.Compare(slices.Min(a.GPUs), slices.Min(b.GPUs))
	})
}

// consistent tells whether the records could have been written by this package,
// and if not, why not.
func consistent(rs []record) error {
	for i, r := range rs {
		if err := check(r.Claim); err != nil {
			return err
		}
		for _, other := range rs[:i] {
			if err := clash(r.Claim, other.Claim); err != nil {
				return err
			}
			if r.Same(other.Identity) {
				return aim.Failf(aim.ClassInternal, "%s holds two claims under one token", r.ReplicaName())
			}
		}
	}
	return nil
}

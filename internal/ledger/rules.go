package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

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
	return checkShare(c)
}

// checkShare: a share is of one GPU, and no more than all shares of it.
func checkShare(c aim.Claim) error {
	switch {
	case c.ShareBytes == 0:
		return nil
	case len(c.GPUs) != 1:
		return aim.Failf(aim.ClassInternal, "claim of %s is for a share of %d GPUs", c.ReplicaName(), len(c.GPUs))
	case c.ShareBytes > c.OfBytes:
		return aim.Failf(aim.ClassRefused, "%s asks for %s of GPU %s, whose shares may hold %s together",
			c.ReplicaName(), aim.Bytes(c.ShareBytes), c.GPUs[0], aim.Bytes(c.OfBytes))
	}
	return nil
}

// admit tells why the wish cannot be granted beside the claims that are held,
// nil if it can.
func admit(wish aim.Claim, held []record) error {
	for _, r := range held {
		if err := clash(wish, r.Claim); err != nil {
			return err
		}
	}
	if wish.ShareBytes == 0 {
		return nil
	}
	gpu := wish.GPUs[0]
	beside := slices.DeleteFunc(slices.Clone(held), func(r record) bool { return !r.Holds(gpu) })
	left := sharesLeft(wish, beside)
	if wish.ShareBytes <= left {
		return nil
	}
	var holders []string
	for _, r := range beside {
		holders = append(holders, fmt.Sprintf("%s has %s", r.ReplicaName(), aim.Bytes(r.ShareBytes)))
	}
	return aim.Failf(aim.ClassRefused, "GPU %s has %s left for shares, not %s: %s",
		gpu, aim.Bytes(left), aim.Bytes(wish.ShareBytes), strings.Join(holders, ", ")).
		WithHint("place the replica again; the node's inventory shows what is free")
}

// sharesLeft is what the shares beside the wish leave of the GPU. The smallest
// budget that any of them was granted under counts: all rely on it.
func sharesLeft(wish aim.Claim, beside []record) uint64 {
	left := wish.OfBytes
	for _, r := range beside {
		left = min(left, r.OfBytes)
	}
	for _, r := range beside {
		left -= min(left, r.ShareBytes)
	}
	return left
}

// clash tells what the wish and a claim that is held have in common: a GPU
// that one of them wants whole, or a port (0 is none).
func clash(wish, held aim.Claim) error {
	shares := wish.ShareBytes > 0 && held.ShareBytes > 0
	for _, gpu := range wish.GPUs {
		if held.Holds(gpu) && !shares {
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

// sortRecords orders claims by their lowest GPU, as inventories show them, and
// shares of one GPU by age. GPUs inside a claim keep their order: it is that of
// the tensor parallel ranks.
func sortRecords(rs []record) {
	slices.SortStableFunc(rs, func(a, b record) int {
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
		if err := admit(r.Claim, rs[:i]); err != nil {
			return err
		}
		for _, other := range rs[:i] {
			if r.Same(other.Identity) {
				return aim.Failf(aim.ClassInternal, "%s holds two claims under one token", r.ReplicaName())
			}
		}
	}
	return nil
}

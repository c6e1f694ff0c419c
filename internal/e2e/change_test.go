package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// Obligation: a change whose server never becomes ready leaves the server that
// serves alone, tells why, and is no obstacle to the next change or to a rollback.
func TestABadChangeLeavesTheOldServing(t *testing.T) {
	ctx, s := scenario(t, 3*time.Minute)
	name := "careful"
	wish := wanted(name, "")
	apply(t, ctx, s, wish)
	before := awaitReady(t, ctx, s, name)
	pids := serversOf(t, s, name)

	bad := wish
	bad.Env = map[string]string{"AIM_SIMULATE": "arch"}
	must(t, s.Apply(ctx, bad))
	after, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool { return st.NotTaken != nil && len(st.Replicas) == 1 })
	must(t, err)
	if after.Phase != aim.Ready || after.NotTaken.Class != aim.ClassArch || !sameServers(before, after) || after.Spec.Env["AIM_SIMULATE"] != "" {
		t.Errorf("after the bad change: %+v", after)
	}
	if now := serversOf(t, s, name); len(now) != 1 || now[0].PID != pids[0].PID {
		t.Errorf("servers %v before and %v after", pids, now)
	}
	if r := s.Aim(ctx, "rollback", name); r.Code != 0 {
		t.Errorf("a rollback of what was not taken up ends with %d: %s", r.Code, r.Err)
	}
	if st := awaitReady(t, ctx, s, name); !sameServers(before, st) {
		t.Error("a rollback of what was not taken up has replaced the server")
	}

	good := wish
	good.MaxModelLen = 8192
	must(t, s.Apply(ctx, good))
	changed, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool {
		return st.Phase == aim.Ready && len(st.Replicas) == 1 && !sameServers(before, st)
	})
	must(t, err)
	if r := s.Aim(ctx, "rollback", name); r.Code != 0 {
		t.Fatalf("aim rollback ends with %d: %s", r.Code, r.Err)
	}
	back, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool {
		return st.Phase == aim.Ready && len(st.Replicas) == 1 && !sameServers(changed, st)
	})
	must(t, err)
	if back.Spec.MaxModelLen != wish.MaxModelLen {
		t.Errorf("after the rollback max_model_len is %d", back.Spec.MaxModelLen)
	}
	checkServes(t, s, back)
}

// Obligation: where nothing fits beside it, the old server stops first, and comes
// back when the new one fails.
func TestABadChangeWithoutRoomComesBack(t *testing.T) {
	ctx, s := scenario(t, 3*time.Minute)
	name := "full"
	wish := wanted(name, "")
	wish.Replicas = 16 // every GPU
	apply(t, ctx, s, wish)
	awaitReady(t, ctx, s, name)
	bad := wish
	bad.Env = map[string]string{"AIM_SIMULATE": "arch"}
	must(t, s.Apply(ctx, bad))
	after, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool {
		return st.Phase == aim.Ready && st.NotTaken != nil && len(st.Replicas) == 16
	})
	must(t, err)
	if !strings.Contains(after.Reason, "not taken up") {
		t.Errorf("its reason is %q", after.Reason)
	}
	checkServes(t, s, after)
}

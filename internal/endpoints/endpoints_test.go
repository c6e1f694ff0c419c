package endpoints

import (
	"testing"

	"github.com/aim-engine/aim"
)

func endpoint(ordinal, attempt int, url string) aim.Endpoint {
	return aim.Endpoint{Identity: aim.Identity{Deployment: "m", UID: "u", Ordinal: ordinal, Attempt: attempt}, URL: url, Healthy: true}
}

func fired(t *Table) bool {
	select {
	case <-t.Changed():
		return true
	default:
		return false
	}
}

func TestTheNewestWordOfANodeCounts(t *testing.T) {
	table := New()
	table.Set("n1", Version{2, 5}, []aim.Endpoint{endpoint(0, 1, "a")})
	table.Set("n1", Version{2, 4}, nil)
	table.Set("n1", Version{1, 9}, nil)
	if all := table.All(); len(all) != 1 || all[0].URL != "a" || all[0].Node != "n1" {
		t.Fatalf("an older snapshot counted: %+v", all)
	}
	table.Set("n1", Version{3, 1}, nil)
	if all := table.All(); len(all) != 0 {
		t.Fatalf("the next start did not count: %+v", all)
	}
}

func TestTheOlderOfTwoAttemptsIsLeftOut(t *testing.T) {
	table := New()
	table.Set("n1", Version{1, 1}, []aim.Endpoint{endpoint(0, 2, "new"), endpoint(1, 1, "other")})
	table.Set("n2", Version{1, 1}, []aim.Endpoint{endpoint(0, 1, "old")})
	all := table.All()
	if len(all) != 2 || all[0].URL != "new" || all[1].URL != "other" {
		t.Fatalf("%+v", all)
	}
}

func TestOnlyWhatMattersIsAChange(t *testing.T) {
	table := New()
	table.Set("n1", Version{1, 1}, []aim.Endpoint{endpoint(0, 1, "a")})
	if !fired(table) {
		t.Error("a new endpoint is no change")
	}
	table.Set("n1", Version{1, 2}, []aim.Endpoint{endpoint(0, 1, "a")})
	table.Silent("n2", true)
	table.Set("n3", Version{1, 1}, nil)
	table.Remove("n3")
	if fired(table) {
		t.Error("the same again is a change")
	}
	table.Silent("n1", true)
	if !fired(table) || !table.All()[0].Silent {
		t.Error("silence is no change")
	}
	table.Set("n1", Version{1, 3}, []aim.Endpoint{endpoint(0, 1, "a")})
	if !fired(table) || table.All()[0].Silent {
		t.Error("a node that is back is no change")
	}
}

package node

import (
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
)

// A claim for a model that the node can never read is refused before it is
// written, with the message that fits.
func TestClaimChecksAccessFirst(t *testing.T) {
	t.Setenv("GOOD_TOKEN", "good-token")
	t.Setenv("BAD_TOKEN", "bad-token")
	t.Setenv("STRANGER_TOKEN", "stranger-token")
	_, with := withHub(t)
	b := newBox(t, 1, with, func(b *box) { b.opts.Secrets = []string{"env:*"} })
	for name, c := range map[string]struct {
		model, token string
		class        aim.FailureClass
		why          string
	}{
		"no token":   {"org/gated", "", aim.ClassAuth, "has no Hugging Face token"},
		"bad token":  {"org/gated", "env:BAD_TOKEN", aim.ClassAuth, "does not accept the Hugging Face token"},
		"no licence": {"org/gated", "env:STRANGER_TOKEN", aim.ClassAuth, "licence is not accepted"},
		"missing":    {"org/none", "", aim.ClassMissing, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.claimFor(c.model, c.token)
			activitytest.Failure(t, err, c.class, c.why)
			if claims := b.ledger.Claims(); len(claims) != 0 {
				t.Errorf("claimed all the same: %v", claims)
			}
		})
	}
	if _, err := b.claimFor("org/gated", "env:GOOD_TOKEN"); err != nil {
		t.Errorf("with a token that opens it: %v", err)
	}
}

// claimFor claims the first GPU for a model; token is a reference.
func (b *box) claimFor(model, token string) (activities.ClaimResult, error) {
	secrets := map[string]string{}
	if token != "" {
		secrets["HF_TOKEN"] = token
	}
	return call[activities.ClaimResult](b, activities.Claim, activities.ClaimRequest{Identity: identity("a"), GPUs: []string{b.gpu(0)}, Model: model, Secrets: secrets})
}

// A hub that does not answer keeps nobody from a claim: the fetch waits for it.
func TestClaimDoesNotWaitForTheHub(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	if _, err := b.claimFor("org/model", ""); err != nil {
		t.Errorf("refused: %v", err)
	}
}

// What a server reads stays; what nobody reads goes, and the inventory knows.
func TestRemoveModelRefusesWhatIsInUse(t *testing.T) {
	t.Parallel()
	_, with := withHub(t)
	b := newBox(t, 1, with)
	if _, err := call[activities.StepResult](b, activities.FetchModel, activities.FetchRequest{Model: "org/open"}); err != nil {
		t.Fatal(err)
	}
	if n := b.Inventory(); !slices.Contains(n.Models, "org/open") || n.ModelBytes["org/open"] == 0 {
		t.Fatalf("inventory has models %v, bytes %v", n.Models, n.ModelBytes)
	}
	id, r := identity("a"), rung(1, "")
	r.Model, r.ServedName = "org/open", "another-name"
	b.mustClaim(id, b.gpu(0))
	if _, err := b.start(id, r); err != nil {
		t.Fatal(err)
	}
	_, err := call[activities.StepResult](b, activities.RemoveModel, activities.RemoveModelRequest{Model: "org/open"})
	activitytest.Failure(t, err, aim.ClassConflict, "in use by a/0")

	if _, err := b.stop(id); err != nil {
		t.Fatal(err)
	}
	if _, err := call[activities.StepResult](b, activities.RemoveModel, activities.RemoveModelRequest{Model: "org/open"}); err != nil {
		t.Fatal(err)
	}
	if n := b.Inventory(); len(n.Models) != 0 {
		t.Errorf("inventory still has %v", n.Models)
	}
}

package node

import (
	"strings"
	"testing"

	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/settings"
)

func TestNodeRefusesBadQuestions(t *testing.T) {
	n := New(t.Context(), Ports{}, Options{Node: settings.Node{ID: "n1"}})
	write := func([]byte) error { return nil }
	for _, c := range []struct{ question, payload, want string }{
		{"weather", "", `node n1 does not know the question "weather"`},
		{activities.QuestionLogs, "rubbish", "read the question for a log"},
		{activities.QuestionLogs, `{"deployment":"a"}`, "node n1 has no log of aim-a-0--0"},
	} {
		if err := n.Answer(t.Context(), c.question, []byte(c.payload), write); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %q: %v, want %q", c.question, c.payload, err, c.want)
		}
	}
}

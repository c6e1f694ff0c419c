package heartbeat_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/heartbeat"
)

// What a server prints may be the note of a beat; a beat is part of the state that
// Temporal keeps, and of what people are shown.
func TestABeatIsShortWhateverIsReported(t *testing.T) {
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	var mu sync.Mutex
	var beats []aim.Progress
	told := make(chan struct{}, 100)
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var p aim.Progress
		if err := details.Get(&p); err != nil {
			t.Error(err)
		}
		mu.Lock()
		beats = append(beats, p)
		mu.Unlock()
		told <- struct{}{}
	})
	env.RegisterActivityWithOptions(func(ctx context.Context) error {
		beat := heartbeat.Start(ctx)
		defer beat.Stop()
		beat.Report(aim.Progress{Step: "start", Note: strings.Repeat("é", 1<<20)})
		select {
		case <-told:
		case <-ctx.Done():
		}
		return nil
	}, activity.RegisterOptions{Name: "long"})
	if _, err := env.ExecuteActivity("long"); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(beats) == 0 || len(beats[0].Note) == 0 || len(beats[0].Note) > 1<<10 {
		t.Errorf("%d beats, the first with a note of %d bytes", len(beats), len(beats[0].Note))
	}
}

package devserver

import (
	"testing"
	"time"

	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
)

// The Temporal that deploy/ puts beside PostgreSQL is tuned like this one.
func TestDeployIsTunedAlike(t *testing.T) {
	done := make(chan any)
	defer close(done)
	file, err := dynamicconfig.NewFileBasedClient(&dynamicconfig.FileBasedClientConfig{
		Filepath: "../deploy/temporal/dynamicconfig.yaml", PollInterval: time.Minute,
	}, log.NewNoopLogger(), done)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range tuning() {
		got := file.GetValue(key)
		if len(got) != 1 || got[0].Value != want {
			t.Errorf("%s is %v in deploy/temporal/dynamicconfig.yaml, %v here", key, got, want)
		}
	}
}

package process_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/runtime/process"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
	"github.com/aim-engine/aim/internal/settings"
)

// The test binary plays three parts: it is started again as the shim, as the
// real program is, and as an agent that a test can kill.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		switch os.Args[1] {
		case "shim":
			os.Exit(process.Shim(context.Background(), os.Args[2]))
		case "agent":
			os.Exit(agent(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}

// order is what a test asks of an agent process.
type order struct {
	Dir    string
	Tiny   string
	Launch aim.Launch
	Secret map[string]string
}

// agent starts one server and ends, leaving the server behind.
func agent(text string) int {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	o.Launch.SecretEnv = o.Secret
	rt, err := process.New(config(o.Dir, o.Tiny), process.Options{})
	if err == nil {
		_, err = rt.Start(context.Background(), o.Launch)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func config(dir, tiny string) settings.Node {
	// Of the same user, since what tests make is closed to others.
	return settings.Node{Dir: dir, Commands: map[string][]string{"vllm": {tiny}}, ServerUser: strconv.Itoa(os.Geteuid())}
}

// bench is one runtime's folder and the program that it starts.
type bench struct{ dir, tiny string }

func newBench(t *testing.T) bench {
	return bench{dir: t.TempDir(), tiny: runtimetest.BuildTiny(t)}
}

func (b bench) open(t *testing.T) *process.Runtime {
	t.Helper()
	rt, err := process.New(config(b.dir, b.tiny), process.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

func (b bench) subject() runtimetest.Subject {
	return runtimetest.Subject{Open: func(t *testing.T) runtimetest.Runtime { return b.open(t) }}
}

func TestContract(t *testing.T) {
	tiny := runtimetest.BuildTiny(t)
	runtimetest.Run(t, func(t *testing.T) runtimetest.Subject {
		return bench{dir: t.TempDir(), tiny: tiny}.subject()
	})
}

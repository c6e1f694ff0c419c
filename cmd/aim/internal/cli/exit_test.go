package cli

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"none", nil, 0},
		{"any error", fs.ErrNotExist, 1},
		{"usage", Usage("x"), 2},
		{"bad value", aim.Failf(aim.ClassInput, "x"), 2},
		{"no room", fmt.Errorf("deploy: %w", aim.Failf(aim.ClassCapacity, "x")), 3},
		{"no recipe", aim.Failf(aim.ClassNoRecipe, "x"), 3},
		{"name in use", aim.Failf(aim.ClassConflict, "x"), 1},
		{"any class", aim.Failf(aim.ClassOOM, "x"), 1},
		{"wait", fmt.Errorf("%w after 1s", ErrTimeout), 4},
		{"interrupt", ErrInterrupted, 130},
		{"cancelled", fmt.Errorf("ask: %w", context.Canceled), 130},
		{"advice keeps the code", Next(aim.Failf(aim.ClassCapacity, "x"), "aim ps"), 3},
		{"advice on a wait", Next(ErrTimeout, "aim ps"), 4},
		{"told already", Quiet(3), 3},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, CodeOf(c.err)) })
	}
}

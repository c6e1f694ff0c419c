package deployment

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A plan's next command asks for exactly what was planned.
func TestDeployLikeRepeatsTheCommand(t *testing.T) {
	for want, args := range map[string][]string{
		"aim deploy Qwen/Qwen3-8B":                                    {"plan", "Qwen/Qwen3-8B"},
		"aim deploy Qwen/Qwen3-8B --name zz --gpus 1 -- --max-num 25": {"plan", "Qwen/Qwen3-8B", "--name", "zz", "--gpus", "1", "--", "--max-num", "25"},
		"aim deploy plan/plan":                                        {"deploy", "--dry-run", "plan/plan"},
		`aim --dir '/a b' deploy x/y --env 'A=it'\''s'`:               {"--dir", "/a b", "plan", "x/y", "--env", "A=it's"},
		"aim deploy x/y -- --dry-run":                                 {"plan", "x/y", "--", "--dry-run"},
		"aim deploy acme/large --gpus 1":                              {"plan", "acme/large", "--recipes", "./mine", "--gpus", "1"},
	} {
		require.Equal(t, want, deployLike(args))
	}
}

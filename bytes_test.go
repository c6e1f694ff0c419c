package aim_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

func TestBytesOfASpec(t *testing.T) {
	for text, want := range map[string]aim.Bytes{
		`42949672960`: 40 << 30, `"40GiB"`: 40 << 30, `"40 gib"`: 40 << 30, `"1.5GiB"`: 3 << 29, `"40GB"`: 40e9, `"512MiB"`: 512 << 20, `"17"`: 17,
	} {
		var s aim.DeploymentSpec
		if err := json.Unmarshal([]byte(`{"model":"a/b","gpu_memory":`+text+`}`), &s); err != nil || s.GPUMemory != want || len(s.Unknown) > 0 {
			t.Errorf("%s is %d (%v, unknown %s), want %d", text, s.GPUMemory, err, s.Unknown, want)
		}
		data, err := json.Marshal(s)
		var again aim.DeploymentSpec
		if err != nil || json.Unmarshal(data, &again) != nil || again.GPUMemory != want {
			t.Errorf("%s is written as %s, which is read as %d", text, data, again.GPUMemory)
		}
	}
}

func TestShareOfASpec(t *testing.T) {
	for spec, says := range map[string]string{
		`{"model":"a/b","gpu_memory":"40GiB"}`:           "",
		`{"model":"a/b","gpu_memory":"40GiB","gpus":1}`:  "",
		`{"model":"a/b","gpu_memory":"40GiB","gpus":2}`:  "share of one GPU",
		`{"model":"a/b","gpu_memory":"40GiB","nodes":2}`: "share of one GPU",
		`{"model":"a/b","gpu_memory":"1GiB"}`:            "at least 8GiB",
		`{"model":"a/b","gpu_memory":"40 parsecs"}`:      "a size in quotes, such as 40GiB",
		`{"model":"a/b","gpu_memory":-1}`:                "a size in quotes, such as 40GiB",
	} {
		var s aim.DeploymentSpec
		if err := json.Unmarshal([]byte(spec), &s); err != nil {
			t.Fatal(err)
		}
		err := s.Validate()
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", spec, err, says)
		}
	}
}

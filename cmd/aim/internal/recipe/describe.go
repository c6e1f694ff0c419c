package recipe

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/hub"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/recipes"
)

// hubWithin is how long the hub may take to describe a model.
const hubWithin = 20 * time.Second

// FleetModels asks the nodes about models that no recipe runs; nil where there
// is no fleet to ask.
func FleetModels(ctx context.Context, a *cli.App, fleet aim.Fleet) control.Describe {
	if len(fleet.Nodes) == 0 {
		return nil
	}
	conn, err := a.NATS(ctx)
	if err != nil {
		return nil // whoever needs NATS for more than this says so
	}
	return control.AskNodes(inventory.Asker(conn, activities.QuestionModel))
}

// OwnModels describes models from this machine: its folders, its cache, the hub.
// It needs no fleet.
func OwnModels(a *cli.App) control.Describe {
	return func(ctx context.Context, spec aim.DeploymentSpec, _ aim.Fleet) (recipes.Description, error) {
		return describeHere(ctx, a, spec)
	}
}

// describeHere reads a model's config.json with the settings that a node on this
// machine would have.
func describeHere(ctx context.Context, a *cli.App, spec aim.DeploymentSpec) (recipes.Description, error) {
	ctx, cancel := context.WithTimeout(ctx, hubWithin)
	defer cancel()
	weights := a.Settings.Node.Weights
	weights.WeightRoots = []string{"/"}           // whoever asks may read what he names
	token, _ := settings.Secret(weights.HubToken) // it is optional
	h, err := hub.New(weights, token)
	if err != nil {
		return recipes.Description{}, err
	}
	text, bytes, err := h.Describe(ctx, spec.Model, spec.Revision)
	if err != nil {
		return recipes.Description{}, err
	}
	return recipes.Description{
		Model: spec.Model, Config: text, WeightBytes: bytes, From: "its config.json",
		Beside: h.Beside(ctx, spec.Model, spec.Revision, aim.BesideConfig()),
	}, nil
}

// joinUnknown says both that the catalogue does not know a model and why it
// cannot be read. A typing error is most often what has happened.
func joinUnknown(unknown, err error) error {
	var f *aim.Failure
	if unknown == nil || !errors.As(err, &f) {
		return err
	}
	return control.Undescribed(aim.FailureOf(unknown), f)
}

// configModel is the name that a config.json is judged under.
func configModel(path string) string {
	full, err := filepath.Abs(path)
	if err != nil {
		full = path
	}
	if filepath.Base(full) == "config.json" {
		full = filepath.Dir(full)
	}
	return "config/" + aim.NameOf(strings.TrimSuffix(full, ".json"))
}

// readConfig reads a config.json, or a folder that holds one, and the size of
// the weights beside it where there are any.
func readConfig(model, path string) (*recipes.Description, error) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		path = filepath.Join(path, "config.json")
	}
	st, err := os.Stat(path)
	if err == nil {
		err = aim.CheckConfigSize(path, st.Size())
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	var f *aim.Failure
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, cli.Usage("no file %s", path)
	case errors.As(err, &f):
		return nil, err
	case err != nil:
		return nil, cli.Failed("read the model's configuration: %w", err)
	}
	folder := filepath.Dir(path)
	return &recipes.Description{Model: model, Config: data, WeightBytes: indexedBytes(folder), From: path, Beside: beside(folder)}, nil
}

// beside reads the small files beside a config.json that say more of a model.
func beside(folder string) map[string][]byte {
	found := map[string][]byte{}
	for _, name := range aim.BesideConfig() {
		path := filepath.Join(folder, name)
		if st, err := os.Stat(path); err != nil || st.Size() > aim.MaxConfigBytes {
			continue
		}
		if data, err := os.ReadFile(path); err == nil {
			found[name] = data
		}
	}
	return found
}

// indexedBytes is what the safetensors index in a folder says its weights take,
// 0 without one.
func indexedBytes(folder string) uint64 {
	var index struct {
		Metadata struct {
			TotalSize float64 `json:"total_size"`
		} `json:"metadata"`
	}
	data, err := os.ReadFile(filepath.Join(folder, "model.safetensors.index.json"))
	if err != nil || json.Unmarshal(data, &index) != nil || index.Metadata.TotalSize < 0 {
		return 0
	}
	return uint64(index.Metadata.TotalSize)
}

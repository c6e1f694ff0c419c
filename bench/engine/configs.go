package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/bench/figure"
	"github.com/aim-engine/aim/recipes"
)

// configFolders are where files of real models may lie, beside the project;
// expected.tsv has a line for each: name, published and counted parameters in
// billions, KV bytes of a token on one GPU in 16 bit.
var configFolders = []string{"../shared/data/configs", "../../shared/data/configs"}

// benchConfigs estimates every config.json of real models that is at hand: right
// are those with a count within 3 % and the exact KV bytes of a token.
func benchConfigs(context.Context, *bench) error {
	const name, unit, against = "config_accuracy_pct", "%", 97
	folder := ""
	for _, f := range configFolders {
		if _, err := os.Stat(filepath.Join(f, "expected.tsv")); err == nil && folder == "" {
			folder = f
		}
	}
	if folder == "" {
		return figure.Missing{Name: name, Unit: unit, Against: against, Why: "there is no " + configFolders[0] + "/expected.tsv"}.Tell(os.Stdout)
	}
	table, err := os.ReadFile(filepath.Join(folder, "expected.tsv"))
	if err != nil {
		return err
	}
	c, err := recipes.Load()
	if err != nil {
		return err
	}
	right, all := 0, 0
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") || len(cells) < 4 {
			continue
		}
		all++
		if why := wrongly(c, filepath.Join(folder, cells[0]+".json"), cells[2], cells[3]); why != "" {
			note("%s: %s", cells[0], why)
			continue
		}
		right++
	}
	tell(name, 100*float64(right)/float64(max(all, 1)), unit, against)
	return nil
}

// wrongly tells what is wrong with the estimate of one file, "" for nothing. A
// cell that holds no number expects nothing.
func wrongly(c *recipes.Catalogue, file, billions, kv string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	spec := aim.DeploymentSpec{Model: "config/model", GPUType: "MI300X", GPUs: 1, Args: []string{"--kv-cache-dtype=bfloat16"}}
	r, err := c.Appraise(recipes.Question{Spec: spec, Model: &recipes.Description{Model: spec.Model, Config: data}})
	if err != nil {
		return err.Error()
	}
	if want, err := strconv.ParseFloat(billions, 64); err == nil && math.Abs(float64(r.Facts.Parameters)/1e9/want-1) > 0.03 {
		return "parameters " + strconv.FormatUint(r.Facts.Parameters, 10) + ", not " + billions + " billion"
	}
	if want, err := strconv.ParseFloat(kv, 64); err == nil && r.Memory.Terms["kv_per_token"] != want {
		return "KV bytes " + strconv.FormatFloat(r.Memory.Terms["kv_per_token"], 'f', -1, 64) + ", not " + kv
	}
	return ""
}

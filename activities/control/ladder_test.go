package control

import (
	"context"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
	"github.com/aim-engine/aim/recipes"
)

const llamaConfig = `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":4096,"intermediate_size":14336,
	"num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":8,"vocab_size":128256,"max_position_embeddings":8192,"torch_dtype":"bfloat16"}`

// Only models that the catalogue does not know are asked about; what keeps one
// from being read is told together with the names that were probably meant.
func TestSelectRecipesAsksAboutUnknownModels(t *testing.T) {
	c := control(t, fleetNode("n1", 8))
	asked := ""
	answer := func(d recipes.Description, err error) {
		c.Describe = func(_ context.Context, spec aim.DeploymentSpec, _ aim.Fleet) (recipes.Description, error) {
			asked = spec.Model
			return d, err
		}
	}
	sel := func(model string) (activities.SelectResult, error) {
		return activitytest.Execute[activities.SelectResult](controlEnv(c), activities.SelectRecipes, activities.SelectRequest{Spec: aim.DeploymentSpec{Model: model}})
	}
	answer(recipes.Description{Config: []byte(llamaConfig), From: "its config.json on n1"}, nil)
	res, err := sel("acme/llama")
	if err != nil || len(res.Ladder.Rungs) == 0 || !strings.Contains(res.Ladder.Rungs[0].Why, "its config.json on n1 says: dense, 8.0 billion") {
		t.Errorf("ladder %+v, %v", res.Ladder, err)
	}
	asked = ""
	if _, err := sel("meta-llama/Llama-3.1-8B-Instruct"); err != nil || asked != "" {
		t.Errorf("a model of the catalogue: %v, asked about %q", err, asked)
	}
	answer(recipes.Description{}, aim.Failf(aim.ClassMissing, "model meta-llama/Llama-3.1-9B-Instruct does not exist"))
	_, err = sel("meta-llama/Llama-3.1-9B-Instruct")
	activitytest.Failure(t, err, aim.ClassNoRecipe, "did you mean meta-llama/Llama-3.1-8B-Instruct", "does not exist")
	answer(recipes.Description{}, aim.Failf(aim.ClassAuth, "model acme/gated is gated, and this node has no Hugging Face token"))
	_, err = sel("acme/gated")
	activitytest.Failure(t, err, aim.ClassAuth, "no recipe runs acme/gated", "is gated")
	answer(recipes.Description{}, aim.Failf(aim.ClassNodeLost, "there is no node that could be asked"))
	_, err = sel("acme/alone")
	activitytest.Failure(t, err, aim.ClassNoRecipe, "there is no node that could be asked")
}

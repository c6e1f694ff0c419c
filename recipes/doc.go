// Package recipes is the catalogue: which models AIM Engine knows how to run,
// on which GPUs, how many, at which precision and with which options, and what
// to try next when that fails.
//
// A recipe is a file. The smallest one has this form, and everything else that
// a file may say (see Recipe) makes it better:
//
//	recipe_id: qwen3-32b-1xmi300x-fp16
//	model_id: Qwen/Qwen3-32B
//	hardware: {gpu_type: MI300X, gpu_count: 1, memory_requirement: 80GB}
//	precision: fp16
//	backend: vllm
//	config: {max_model_len: 32768, gpu_memory_utilization: 0.9}
//
// The catalogue in the binary (models/*.yaml, recipes/*.yaml) is read together
// with folders of the user, which add to it or replace recipes of the same id:
//
//	catalogue, err := recipes.Load("/etc/aim/recipes")
//	ladder, err := catalogue.Ladder(aim.DeploymentSpec{Model: "Qwen/Qwen3-32B"}, fleet)
//	if !catalogue.Knows(model) { // then from the model's own config.json
//		ladder, err = catalogue.LadderFrom(spec, fleet, description)
//	}
//	for _, rung := range ladder.Rungs {
//		fmt.Println(rung.Number, rung.Recipe, rung.Why, rung.Memory.Verdict)
//	}
//
// Choosing is pure: the same catalogue, wish and fleet give the same ladder.
// Every number in the embedded files names its source, and every option is
// checked against the table of the server version it is for (package options).
// Memory is estimated term by term (see Estimate) and never guessed: where a
// size is not known the estimate says so.
package recipes

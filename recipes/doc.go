// Package recipes is the catalogue: which models AIM Engine knows how to run,
// on which GPUs, how many, at which precision and with which options, and what
// to try next when that fails.
//
// A recipe is a file. The smallest one has this form, and everything else that
// a file may say (see recipe.Recipe) makes it better:
//
//	recipe_id: qwen3-32b-1xmi300x-fp16
//	model_id: Qwen/Qwen3-32B
//	hardware: {gpu_type: MI300X, gpu_count: 1, memory_requirement: 80GB}
//	precision: fp16
//	backend: vllm
//	config: {max_model_len: 32768, gpu_memory_utilization: 0.9}
//
// The catalogue in the binary (catalogue/models, catalogue/recipes) is read together
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
// Memory is estimated term by term (package estimate) and never guessed: where
// a size is not known the estimate says so.
//
// This package is the door for the rest of the program; each concept has a
// package of its own:
//
//	recipe     what a recipe file says, and the tables behind all of them
//	model      what a model is, layer by layer, and how its weights are kept
//	catalogue  the files, and finding in them
//	estimate   GPU memory, term by term
//	ladder     choosing and ordering recipes; what a change mends
//	importer   recipes out of other people's files
//	options    the servers' options, by version
package recipes

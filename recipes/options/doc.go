// Package options knows the command-line options of each version of an LLM
// server: their names, types and choices, which release had them first and
// which had them last. Recipes, the deployments of users, the backend that
// renders a command line and the simulator's stand-in server all ask the same
// table, so that an option is refused before a GPU is taken and not minutes
// later by the server.
//
//	table, err := options.For("vllm", "0.22.1")
//	opts, err := table.Parse([]string{"--max_model_len", "32k", "--no-enable-prefix-caching"})
//	// opts: max-model-len 32000, no-enable-prefix-caching (bare)
//	problems := table.CheckUser(opts)
//	args := table.Render(opts)
//
// Recipes and deployments may use vLLM's word for a setting with every backend;
// the table knows what SGLang and TGI call it:
//
//	table, err := options.For("sglang", "0.5.10")
//	o, ok, problem := table.FromValue("max_model_len", 32768)
//	// o: context-length 32768
//
// The tables are data. vllm.json has the option names of fourteen source states
// of vLLM between v0.9.2 and July 2026, read from its source by static parsing;
// sglang.json and tgi.json have one state each, from the projects' own lists of
// their options. Each file names its source. A release that was not itself
// compared is judged by the newest compared state that is at least a week older
// than its tag, because a release branch is cut days before the tag: an option
// is accepted when the release is known to have it.
package options

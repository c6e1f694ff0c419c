package aim_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"

	"github.com/aim-engine/aim"
)

// docs/deployment.schema.json and docs/deployment.md tell the spec that
// `aim deploy -f` and the input of the workflow Deployment take, field by field.
func TestDocsDeployment(t *testing.T) {
	m := schemaMaker(t, ".")
	m.Words = map[string][]string{
		"DeploymentSpec.precision": aim.Precisions(), "DeploymentSpec.backend": aim.Backends(), "DeploymentSpec.metric": aim.Metrics(),
	}
	s := m.Of(reflect.TypeFor[aim.DeploymentSpec](), "json")
	s.Title = "A deployment of AIM Engine"
	spec := s.Definitions["DeploymentSpec"]
	spec.Required = []string{"model"}
	check := publish(t, "docs/deployment.schema.json", s)
	for text, ok := range map[string]bool{
		`{"model":"a/b"}`: true, `{"model":"a/b","replicas":2,"timeout":"90s","env":{"A":"b"}}`: true,
		`{}`: false, `{"model":"a/b","replica":2}`: false, `{"model":"a/b","gpus":"two"}`: false, `{"model":"a/b","precision":"bf61"}`: false, `[]`: false,
	} {
		if err := check.JSON([]byte(text)); (err == nil) != ok {
			t.Errorf("%s: %v, want it taken: %t", text, err, ok)
		}
		if ok {
			continue
		}
		var given aim.DeploymentSpec
		if err := json.Unmarshal([]byte(text), &given); err == nil && given.Validate() == nil {
			t.Errorf("%s: the schema refuses what the program takes", text)
		}
	}

	var fields strings.Builder
	for p := spec.Properties.Oldest(); p != nil; p = p.Next() {
		if p.Value.Description == "" && p.Value.Ref == "" {
			t.Errorf("nothing is said of the field %s", p.Key)
		}
		fmt.Fprintf(&fields, "| `%s` | %s | %s |\n", p.Key, typeOf(p.Value), p.Value.Description)
	}
	page(t, "docs/deployment.md", strings.Replace(deploymentPage, "FIELDS\n", fields.String(), 1))
}

// typeOf is the type of a field in words.
func typeOf(s *jsonschema.Schema) string {
	switch {
	case s.Ref != "":
		return "object " + strings.TrimPrefix(s.Ref, "#/$defs/")
	case s.AnyOf != nil:
		var all []string
		for _, one := range s.AnyOf {
			all = append(all, one.Type)
		}
		return strings.Join(all, " or ")
	case s.Type == "array":
		return "list of " + typeOf(s.Items)
	case s.Type == "object" && s.AdditionalProperties != nil:
		return "object of " + cmp.Or(s.AdditionalProperties.Type, "anything")
	case len(s.Enum) > 0:
		return "one of " + strings.Trim(fmt.Sprint(s.Enum), "[]")
	}
	return s.Type
}

const deploymentPage = `# The spec of a deployment

What a deployment is wanted to be, as ` + "`aim deploy -f FILE`" + ` reads it (YAML or JSON), as the package client takes it, and as the input of
the workflow Deployment. [deployment.schema.json](deployment.schema.json) checks it in editors and pipelines; a field that nobody
knows is refused by name. Every field but ` + "`model`" + ` may be left out, and its zero value means "choose for me".

| field | type | |
|---|---|---|
FIELDS

An adapter has ` + "`name`" + ` (under which it is served), ` + "`model`" + ` (its repository) and ` + "`revision`" + `.

## Sets

A file with several YAML documents, a folder of files, or either on standard input (` + "`-f -`" + `) is a set. ` + "`aim deploy -f models.yaml`" + ` compares all of
it with what runs, shows what is new, what changes and what stays, and applies it when every spec is in order: with a mistake in one,
nothing is applied. ` + "`--dry-run`" + ` only shows it. Each deployment carries the name of its set (that of the file or folder, or ` + "`--set NAME`" + `), so that
` + "`--prune`" + ` ends those that the set declares no more, and nothing that somebody else has made. Applied again it changes nothing.

## Started without our command line

The workflow's type is Deployment, its task queue aim, and its id the name of the deployment; the input is one spec. Whatever starts
workflows on your Temporal can deploy. The answer to what goes on is the query ` + "`status`" + `, as JSON like that of ` + "`aim status -o json`" + `
([output.schema.json](output.schema.json)). Changes are updates: ` + "`apply`" + ` with a spec, ` + "`scale`" + ` with ` + "`{\"replicas\": 2}`" + `, ` + "`stop`" + ` with ` + "`{}`" + `.

With Temporal's own command:

` + "```sh" + `
temporal workflow start --type Deployment --task-queue aim --workflow-id llama --input '{"model":"meta-llama/Llama-3.1-8B-Instruct"}'
temporal workflow query --workflow-id llama --type status
temporal workflow update execute --workflow-id llama --name stop --input '{}'
` + "```" + `

With Temporal's HTTP API, where the frontend has a port for it (` + "`services.frontend.rpc.httpPort`" + `, by custom 7243):

` + "```sh" + `
curl http://temporal:7243/api/v1/namespaces/default/workflows/llama -H 'Content-Type: application/json' -d '{
  "workflowType": {"name": "Deployment"}, "taskQueue": {"name": "aim"},
  "input": [{"model": "meta-llama/Llama-3.1-8B-Instruct"}]}'
` + "```" + `

` + "`aim up`" + ` opens no such port: it would let every web page that a browser on this machine shows deploy models. The Temporal UI hands
the same API on to those who have its token; there the input is written as payloads:

` + "```sh" + `
UI=http://127.0.0.1:8233   # as aim env tells it
curl -s -c jar "$UI/api/v1/settings" >/dev/null
curl -b jar -H "X-CSRF-TOKEN: $(awk '/_csrf/ {print $7}' jar)" "$UI/api/v1/namespaces/default/workflows/llama" \
  -H 'Content-Type: application/json' -d '{
  "workflowType": {"name": "Deployment"}, "taskQueue": {"name": "aim"},
  "input": {"payloads": [{"metadata": {"encoding": "'$(printf json/plain | base64)'"},
    "data": "'$(printf '{"model":"meta-llama/Llama-3.1-8B-Instruct"}' | base64 -w0)'"}]}}'
` + "```" + `

By gRPC it is StartWorkflowExecution of temporal.api.workflowservice.v1, with the spec as one payload whose metadata says
` + "`encoding: json/plain`" + `.

This page is generated from deployment.go by ` + "`make fmt`" + `.
`
